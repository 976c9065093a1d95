/**
 * The starter `shop`, natively, against a shell script that starts the same servers and services and a Caddy of its own:
 * interleaved runs, medians, ratios. Data, dependencies and CAs are there. Reports, asserts nothing about time.
 *
 *     npm run bench:shop -- [--runs N] [--json FILE]
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import provideCaddy from '../rig/provide-caddy.ts';
import { campFile } from './contenders.ts';
import { median } from './figures.ts';
import { untilAll } from './poller.ts';

const { values } = parseArgs({ options: { runs: { type: 'string' }, json: { type: 'string' } } });
const runs = Number(values.runs ?? 7);

await provideCaddy();
const base = mkdtempSync(join(tmpdir(), 'camp-bench-shop-'));
const dir = join(base, 'shop');
const port = 18_000 + (process.pid % 997);
const env: NodeJS.ProcessEnv = {
  ...process.env,
  HOME: join(base, 'home'),
  CAMP_HOME: join(base, 'camp'),
  // no engine is asked
  DOCKER_HOST: 'unix:///nonexistent.sock',
  NO_COLOR: '1',
};
const urls = ['', '/api/orders', '/api/inventory', '/api/payments', '/api/notifications'].map(
  (path) => `https://shop.localhost:${port}${path}`,
);

try {
  mkdirSync(join(base, 'home'), { mode: 0o700 });
  camp(base, 'init', 'shop', '--starter', 'shop', '--yes');
  camp(dir, 'up', '-d', '--no-watch', '--port', String(port));
  const running = JSON.parse(camp(dir, 'ps', '--json')) as Running;
  writeScript(running);
  const campCa = running.edge.caFile;
  const memoryMb = (running.memory?.totalBytes ?? Number.NaN) / 1e6;
  camp(dir, 'down');
  const times = { script: [] as number[], foreground: [] as number[], detached: [] as number[] };
  // the first run of the script makes its CA: it does not count
  for (let n = 0; n <= runs; n++) {
    const script = await byScript();
    const foreground = await byCamp(campCa, []);
    const detached = await byCamp(campCa, ['-d']);
    if (n === 0) continue;
    times.script.push(script);
    times.foreground.push(foreground);
    times.detached.push(detached);
    process.stderr.write(`script ${script.toFixed(0)}, camp up ${foreground.toFixed(0)}, -d ${detached.toFixed(0)}\n`);
  }
  const reference = median(times.script);
  const rows = [
    { what: 'camp up', camp: median(times.foreground), reference, aim: '<= 1.5x' },
    { what: 'camp up -d', camp: median(times.detached), reference, aim: '<= 1.5x' },
  ];
  const machine = `${runs} interleaved runs, medians; ${cpus().length} cores, load ${(loadavg()[0] ?? 0).toFixed(1)}, node ${process.version}`;
  const lines = rows.map(
    (row) =>
      `| first request, shop, ${row.what} | ${row.camp.toFixed(0)} ms | ${row.reference.toFixed(0)} ms | ${(row.camp / row.reference).toFixed(2)}x | ${row.aim} |`,
  );
  process.stdout.write(`\n| what | camp | shell script | ratio | aim |\n| --- | --- | --- | --- | --- |\n`);
  process.stdout.write(
    `${lines.join('\n')}\n| memory, idle | ${memoryMb.toFixed(0)} MB | | | < 700 MB |\n\n${machine}\n`,
  );
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, rows, memoryMb }, undefined, 2)}\n`);
} finally {
  spawnSync(process.execPath, [campFile, 'down', '--force'], { cwd: dir, env, stdio: 'ignore' });
  rmSync(base, { recursive: true, force: true });
}

interface Running {
  readonly services: readonly {
    readonly name: string;
    readonly placement: string;
    readonly url?: string;
    readonly pids: readonly number[];
  }[];
  readonly edge: { readonly caFile: string };
  readonly memory?: { readonly totalBytes: number };
}

function camp(cwd: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [campFile, ...args], { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`camp ${args.join(' ')}: exit ${status}\n${stderr}`);
  return stdout;
}

/** The commands that camp runs, with their environments, as a person would write them down: servers, then services. */
function writeScript({ services }: Running): void {
  const isServer = ({ placement }: Running['services'][number]): boolean => placement === 'native server';
  const begin = (service: Running['services'][number]): readonly string[] => {
    const [pid] = service.pids;
    if (pid === undefined) return [];
    const argv = partsOf(pid, 'cmdline').map(keep);
    const declared = partsOf(pid, 'environ').filter((one) => !/^(CAMP_|NODE_COMPILE_CACHE=|GOTMPDIR=)/.test(one));
    ports.set(service.name, /^PORT=(\d+)$/m.exec(declared.join('\n'))?.[1] ?? '');
    const notRoot =
      process.getuid?.() === 0 && argv[0]?.endsWith('/postgres')
        ? ['unshare', '--user', '--map-user=1000', '--map-group=1000']
        : [];
    const command = ['env', '-i', ...declared, ...notRoot, ...argv].map(quoted).join(' ');
    const cwd = quoted(readlinkSync(`/proc/${pid}/cwd`));
    return [`(cd ${cwd} && exec ${command}) >/dev/null 2>&1 &`, 'pids="$pids $!"'];
  };
  const ports = new Map<string, string>();
  const servers = services.filter(isServer);
  const lines = [
    '#!/bin/bash',
    `caddy run --config ${quoted(join(base, 'Caddyfile'))} >/dev/null 2>&1 &`,
    'pids=$!',
    ...servers.flatMap(begin),
    ...servers.map(({ url }) => {
      const at = /:(\d+)/.exec(url ?? '')?.[1];
      return `until (exec 3<>/dev/tcp/127.0.0.1/${at}) 2>/dev/null; do sleep 0.02; done`;
    }),
    ...services.filter((one) => !isServer(one)).flatMap(begin),
  ];
  lines.push("trap 'kill -INT $pids 2>/dev/null; wait; exit 0' TERM INT", 'wait', '');
  writeFileSync(join(base, 'start.sh'), lines.join('\n'), { mode: 0o755 });
  const routes = [...ports].flatMap(([name, at]) =>
    existsSync(join(dir, 'services', name)) ? [`\treverse_proxy /api/${name}* 127.0.0.1:${at}`] : [],
  );
  const options = ['admin off', 'skip_install_trust', 'auto_https disable_redirects', `https_port ${port}`];
  writeFileSync(
    join(base, 'Caddyfile'),
    `{\n\t${[...options, `storage file_system ${join(base, 'storage')}`].join('\n\t')}\n}
shop.localhost {
\ttls internal
\tbind 127.0.0.1
${routes.join('\n')}
\troot ${join(dir, 'services/web')}
\tfile_server
}
`,
  );
}

/** A file of the time that camp runs, such as the configuration of a broker. */
function keep(word: string): string {
  if (!word.includes('/.camp/run/')) return word;
  const kept = join(base, basename(word));
  copyFileSync(word, kept);
  return kept;
}

function partsOf(pid: number, file: 'cmdline' | 'environ'): readonly string[] {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

async function byScript(): Promise<number> {
  let child: ChildProcess | undefined;
  const took = await firstRequest(join(base, 'storage/pki/authorities/local/root.crt'), () => {
    child = spawn(join(base, 'start.sh'), { env, stdio: 'ignore' });
  });
  const ended = new Promise((resolve) => child?.once('exit', resolve));
  child?.kill('SIGTERM');
  await ended;
  return took;
}

async function byCamp(ca: string, flags: readonly string[]): Promise<number> {
  const took = await firstRequest(ca, () => {
    const args = [campFile, 'up', '--no-watch', '--port', String(port), ...flags];
    spawn(process.execPath, args, { cwd: dir, env, stdio: 'ignore' });
  });
  camp(dir, 'down');
  return took;
}

/** Milliseconds from the start of a command to the first verified 200 of every address. */
async function firstRequest(ca: string, start: () => void): Promise<number> {
  let roots: Buffer | undefined;
  const began = performance.now();
  start();
  await untilAll(
    urls,
    () => {
      if (!roots && existsSync(ca)) roots = readFileSync(ca);
      return roots;
    },
    ({ status }) => status === 200,
  );
  return performance.now() - began;
}
