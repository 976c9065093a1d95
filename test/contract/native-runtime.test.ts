import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monotonicClock } from '../../src/kit/clock.ts';
import type { Unstamped } from '../../src/kit/events.ts';
import { CampError } from '../../src/kit/failure.ts';
import { isAlive, markedProcesses, processInfo } from '../../src/kit/process.ts';
import { configHash } from '../../src/plan/reconcile.ts';
import type { Service } from '../../src/project/types.ts';
import { PortLeases } from '../../src/runtime/native/leases.ts';
import { createNativeRuntime, type NativeRuntime } from '../../src/runtime/native/runtime.ts';
import { aService } from '../rig/services.ts';

const steerable = new URL('../rig/steerable.mjs', import.meta.url).pathname;
const projectId = `test-${process.pid}-${Math.random().toString(16).slice(2)}`;
const never = new AbortController().signal;
const supervisor = `${process.pid}:${processInfo(process.pid)?.startTime}`;

let folder: string;
let runtime: NativeRuntime;
let events: Unstamped[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'camp-native-'));
  events = [];
  runtime = createNativeRuntime({
    projectId,
    ownEnv: { ...process.env, SECRET_TOKEN: 'hush', NODE_OPTIONS: '--no-warnings', PORT: '1' },
    supervisor,
    sharedEnv: () => ({}),
    leases: new PortLeases(folder, projectId),
    configHash,
    clock: monotonicClock(),
    emit: (event) => void events.push(event),
    pressure: () => undefined,
  });
});

afterEach(async () => {
  await runtime.shutdown(AbortSignal.abort());
  await until(() => markedProcesses(projectId).length === 0, 'no process of the project is left');
  rmSync(folder, { recursive: true, force: true });
});

function service(mode: string, env: Record<string, string> = {}, over: Partial<Service> = {}): Service {
  return aService('api', {
    start: {
      kind: 'command',
      argv: [process.execPath, steerable],
      cwd: folder,
      language: 'node',
      why: 'test',
      path: [],
    },
    env: { MODE: mode, ...env },
    stop: { signal: 'SIGTERM', graceMs: 1000 },
    ...over,
  });
}

async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 15_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline)
      throw new Error(`not within ${ms} ms: ${what}\n${JSON.stringify(events.slice(-20), null, 1)}`);
    await delay(10);
  }
}

async function ask(path: string): Promise<string> {
  const address = runtime.endpoints()[0]?.address ?? '';
  return new Promise((resolve, reject) => {
    get(`http://${address}${path}`, { agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text));
    }).on('error', reject);
  });
}

async function ready(one: Service): Promise<void> {
  await runtime.start(one, 1, true);
  await runtime.awaitReady('api', 1, 15_000, never);
}

const states = (): string[] => events.flatMap((event) => (event.type === 'replica' ? [event.state.at] : []));
const output = (): string[] => events.flatMap((event) => (event.type === 'output' ? [event.line] : []));
const notes = (): string[] => events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
/** Of the process that runs now; never 0, which a signal would take for this very process group. */
const pid = (): number => runtime.replicas()[0]?.pid ?? expect.fail('nothing runs');
const isBackAs = (before: number): boolean => {
  const [replica] = runtime.replicas();
  return replica?.pid !== undefined && replica.pid !== before && replica.state.at === 'ready';
};

async function failureOf(work: Promise<unknown>): Promise<{ code: string; fault: string; evidence: string }> {
  const error = await work.then(
    () => expect.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CampError)) throw error;
  const [first] = error.failures;
  return { code: first?.code ?? '', fault: first?.fault ?? '', evidence: (first?.evidence ?? []).join('\n') };
}

describe('a replica', () => {
  it('is ready when it answers, and shows its lines', async () => {
    await ready(service(''));
    expect(states()).toEqual(['starting', 'ready']);
    expect(output()[0]).toMatch(/^listening on \d+$/);
  });

  it('sees what is declared and nothing else of the environment', async () => {
    await ready(service('', { DECLARED: 'yes' }));
    const { env } = JSON.parse(await ask('/')) as { env: Record<string, string> };
    expect(env).toMatchObject({ DECLARED: 'yes', HOST: '127.0.0.1', SERVICE: 'api' });
    expect(env['PORT']).not.toBe('1');
    expect(env).not.toHaveProperty('SECRET_TOKEN');
    expect(env).not.toHaveProperty('NODE_OPTIONS');
  });

  it('waits for a slow start without restarting it', async () => {
    await ready(service('', { DELAY_MS: '600' }));
    expect(states()).toEqual(['starting', 'ready']);
  });

  it('is back soon after kill -9, with the same port', async () => {
    await ready(service(''));
    const before = { pid: pid(), address: runtime.endpoints()[0]?.address };
    process.kill(before.pid, 'SIGKILL');
    await until(() => isBackAs(before.pid), 'ready again');
    expect(runtime.endpoints()[0]?.address).toBe(before.address);
  });

  it('may be killed more often than a crash loop has starts, since that is not its own fault', async () => {
    await ready(service(''));
    for (let i = 0; i < 7; i++) {
      const before = pid();
      process.kill(before, 'SIGKILL');
      await until(() => isBackAs(before), `ready after kill ${i + 1}`);
    }
    expect(states()).not.toContain('crash-loop');
  });

  it('is a crash loop after five starts, with its last lines', async () => {
    await runtime.start(service('exit-3'), 1, true);
    const failed = await failureOf(runtime.awaitReady('api', 1, 15_000, never));
    expect(failed).toMatchObject({ code: 'CRASH_LOOP', fault: 'service' });
    expect(failed.evidence).toContain('cannot go on: the flux is missing');
    expect(states().filter((state) => state === 'starting')).toHaveLength(5);
  });

  it('has ended early when it exits with 0 before it is ready', async () => {
    await runtime.start(service('exit-0'), 1, true);
    expect((await failureOf(runtime.awaitReady('api', 1, 15_000, never))).code).toBe('EXITED_EARLY');
  });

  it('as a one-shot is done when it exits with 0', async () => {
    await runtime.start(service('exit-0', {}, { isOneShot: true }), 1, false);
    await runtime.awaitReady('api', 1, 15_000, never);
    expect(states()).toEqual(['starting', 'exited']);
  });

  it('that never is ready fails at the deadline with the last answer', async () => {
    await runtime.start(service('never-ready'), 1, true);
    const failed = await failureOf(runtime.awaitReady('api', 1, 700, never));
    expect(failed.code).toBe('NOT_READY');
    expect(failed.evidence).toContain('GET /readyz answered 503');
  });

  it('is found on the port that it really opened, in either family', async () => {
    const own = 19_000 + (process.pid % 900);
    await ready(service('own-port six', { OWN_PORT: String(own) }));
    expect(runtime.endpoints()[0]?.address).toBe(`[::1]:${own}`);
    expect(notes()).toContainEqual(expect.stringContaining(`listens on port ${own}`));
  });

  it('that nobody reaches is ready without a port', async () => {
    await runtime.start(service('silent'), 1, false);
    await runtime.awaitReady('api', 1, 15_000, never);
    expect(states()).toEqual(['starting', 'ready']);
  });

  it('that closes its port but lives is restarted', async () => {
    await ready(service(''));
    const before = pid();
    await ask('/close-port');
    await until(() => isBackAs(before), 'restarted and ready');
    expect(states()).toContain('unhealthy');
  });

  it('that cannot be executed names the program and the reason', async () => {
    const missing = service(
      '',
      {},
      { start: { kind: 'command', argv: ['/no/such/program'], cwd: folder, language: 'other', why: 'test', path: [] } },
    );
    const failed = await failureOf(runtime.start(missing, 1, true));
    expect(failed).toMatchObject({ code: 'SPAWN_FAILED', fault: 'service' });
    expect(runtime.replicas()).toEqual([]);
  });
});

describe('stopping', () => {
  it('ends a service that ignores TERM with KILL after its grace, and says so', async () => {
    await ready(service('ignore-term'));
    const one = { pid: pid(), startTime: processInfo(pid())?.startTime ?? '' };
    await runtime.stop('api', 1);
    expect(isAlive(one)).toBe(false);
    expect(output()).toContain('TERM is ignored');
    expect(notes()).toContainEqual(expect.stringContaining('did not stop within 1 s'));
  });

  it.each(['fork', 'daemon'])('ends what a service has started, too (%s)', async (mode) => {
    await ready(service(mode));
    await until(() => output().some((line) => line.startsWith('child ')), 'the child is there');
    const child = Number(
      output()
        .find((line) => line.startsWith('child '))
        ?.split(' ')[1],
    );
    const id = { pid: child, startTime: processInfo(child)?.startTime ?? '' };
    expect(isAlive(id)).toBe(true);
    await runtime.stop('api', 1);
    expect(isAlive(id)).toBe(false);
  });

  it('stays stopped when it was asked to during backoff', async () => {
    await runtime.start(service('exit-3'), 1, true);
    await until(() => states().includes('backing-off'), 'it backs off');
    await runtime.stop('api', 1);
    const count = states().length;
    await delay(400);
    expect(states()).toHaveLength(count);
    expect(states().at(-1)).toBe('exited');
  });

  it('restarts one replica after another, each ready before the next', async () => {
    const two = service('');
    await runtime.start(two, 1, true);
    await runtime.start(two, 2, true);
    await Promise.all([1, 2].map((index) => runtime.awaitReady('api', index, 15_000, never)));
    const before = runtime.replicas().map((one) => one.pid);
    events.length = 0;
    await runtime.restart('api', never);
    const order = events.flatMap((event) => (event.type === 'replica' ? [`${event.replica} ${event.state.at}`] : []));
    expect(order).toEqual([
      'api:1 stopping',
      'api:1 starting',
      'api:1 ready',
      'api:2 stopping',
      'api:2 starting',
      'api:2 ready',
    ]);
    expect(runtime.replicas().map((one) => one.pid)).not.toEqual(before);
  });
});
