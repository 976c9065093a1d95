/**
 * camp against a shell script that starts the same Caddy and the same services: interleaved runs, medians, ratios.
 * Everything is warm. Reports, asserts nothing about time.
 *
 *     npm run bench -- [--quick] [--runs N] [--scale N] [--json FILE]
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeWhole } from '../../src/kit/files.ts';
import { userFolders } from '../../src/kit/paths.ts';
import { findCaddy } from '../../src/tools/find-caddy.ts';
import provideCaddy from '../rig/provide-caddy.ts';
import {
  type Contender,
  campContender,
  campFile,
  cpuMs,
  run,
  scriptContender,
  supervisorMemory,
} from './contenders.ts';
import { median } from './figures.ts';
import { createFixture, type Fixture, serverFile, serverText, urlsOf } from './fixture.ts';
import { untilAll } from './poller.ts';

interface Row {
  readonly what: string;
  readonly camp: number;
  readonly reference: number;
  readonly against: string;
  readonly unit: 'ms' | 'MB';
  readonly aim: string;
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    scale: { type: 'string' },
    json: { type: 'string' },
  },
});
/** Where a service listens that is started by hand. */
const manualPort = 30_000 + (process.pid % 997);
const manualUrl = `http://127.0.0.1:${manualPort}/`;
const runs = Number(values.runs ?? (values.quick ? 5 : 11));
const count = Number(values.scale ?? 3);

await provideCaddy();
const fixture = createFixture(count);
const env: NodeJS.ProcessEnv = {
  ...process.env,
  HOME: fixture.home,
  CAMP_HOME: join(fixture.home, 'camp'),
  NO_COLOR: '1',
};
delete env['XDG_DATA_HOME'];
const script = scriptContender(fixture, env);
const camp = campContender(fixture, env, false);
const detached = campContender(fixture, env, true);
const contenders = [script, camp, detached];
try {
  const rows = await measureAll(fixture);
  const caddy = findCaddy(userFolders()).tool?.version ?? '?';
  const machine = `${count} services, ${runs} interleaved runs, medians; ${cpus().length} cores, load ${(loadavg()[0] ?? 0).toFixed(1)}, node ${process.version}, caddy ${caddy}`;
  process.stdout.write(`\n${table(rows)}\n\n${machine}\n`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, undefined, 2)}\n`);
} finally {
  for (const one of contenders) await one.cleanUp().catch(() => undefined);
  rmSync(fixture.base, { recursive: true, force: true });
}

async function measureAll(fixture: Fixture): Promise<readonly Row[]> {
  const ups = new Map<Contender, number[]>(contenders.map((one) => [one, []]));
  const downs = new Map<Contender, number[]>(contenders.map((one) => [one, []]));
  // the first run of each makes its CA and its certificates: it does not count
  for (let n = 0; n <= runs; n++) {
    for (const one of contenders) {
      const up = await one.up();
      const down = await one.down();
      if (n === 0) continue;
      ups.get(one)?.push(up);
      downs.get(one)?.push(down);
      process.stderr.write(`${one.name}: up ${up.toFixed(0)}, down ${down.toFixed(0)}\n`);
    }
  }
  const limit = median(ups.get(script) ?? []);
  const aim = count <= 3 ? '<= 1.8x' : count < 100 ? '<= 1.25x' : '<= 1.15x';
  const reload = await reloads(fixture, detached);
  const bare = cpuMs([process.execPath, '-e', '0'], env, runs * 3);
  return [
    {
      what: 'first request, `camp up`',
      camp: median(ups.get(camp) ?? []),
      reference: limit,
      against: script.name,
      unit: 'ms',
      aim,
    },
    {
      what: 'first request, `camp up -d`',
      camp: median(ups.get(detached) ?? []),
      reference: limit,
      against: script.name,
      unit: 'ms',
      aim,
    },
    {
      what: '`camp down`',
      camp: median(downs.get(detached) ?? []),
      reference: median(downs.get(script) ?? []),
      against: 'their own stop, all at once',
      unit: 'ms',
      aim: '<= +150 ms',
    },
    {
      what: 'saved file → new answer',
      camp: reload.camp,
      reference: reload.bare,
      against: 'bare kill and start',
      unit: 'ms',
      aim: '<= 1.5x',
    },
    {
      what: "camp's own memory",
      camp: reload.memory,
      reference: 90 + 0.3 * count,
      against: 'budget',
      unit: 'MB',
      aim: '<= 1x',
    },
    {
      what: '`camp --version`, CPU',
      camp: cpuMs([process.execPath, campFile, '--version'], env, runs * 3),
      reference: bare,
      against: '`node -e 0`',
      unit: 'ms',
      aim: '<= 2.5x',
    },
  ];
}

/** Saves a file of a service that camp runs, and does by hand what that amounts to, in turns. */
async function reloads(
  fixture: Fixture,
  camp: Contender,
): Promise<{ readonly camp: number; readonly bare: number; readonly memory: number }> {
  const name = fixture.names[0] ?? '';
  const url = urlsOf(fixture)[0] ?? '';
  await camp.up();
  const status = JSON.parse((await run(['ps', '--json'], fixture, env)).stdout) as { edge: { caFile: string } };
  const ca = readFileSync(status.edge.caFile);
  const bySaving: number[] = [];
  const byHand: number[] = [];
  for (let n = 0; n < runs; n++) {
    const version = `saved ${n}`;
    const began = performance.now();
    writeWhole(serverFile(fixture, name), serverText(version));
    await untilAll(
      [url],
      () => ca,
      ({ body }) => body === version,
    );
    bySaving.push(performance.now() - began);

    const before = startService(fixture, manualPort);
    await untilAll(
      [manualUrl],
      () => undefined,
      ({ status: code }) => code === 200,
    );
    const killed = performance.now();
    await before.end();
    const after = startService(fixture, manualPort);
    await untilAll(
      [manualUrl],
      () => undefined,
      ({ body }) => body === version,
    );
    byHand.push(performance.now() - killed);
    await after.end();
  }
  const memory = supervisorMemory(fixture);
  await camp.down();
  return { camp: median(bySaving), bare: median(byHand), memory };
}

function startService(fixture: Fixture, port: number): { end(): Promise<void> } {
  const child = spawn(process.execPath, [serverFile(fixture, fixture.names[0] ?? '')], {
    env: { ...env, PORT: String(port) },
    stdio: 'ignore',
  });
  return {
    end: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, camp, reference, against, unit, aim }) => {
    const ratio = aim.includes('+') ? `+${(camp - reference).toFixed(0)} ms` : `${(camp / reference).toFixed(2)}x`;
    return `| ${what} | ${camp.toFixed(0)} ${unit} | ${reference.toFixed(0)} ${unit} (${against}) | ${ratio} | ${aim} |`;
  });
  return ['| what | camp | reference | ratio | aim |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}
