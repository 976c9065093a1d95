import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monotonicClock } from '../../src/kit/clock.ts';
import type { Unstamped } from '../../src/kit/events.ts';
import { isAlive, markedProcesses, processInfo } from '../../src/kit/process.ts';
import { configHash } from '../../src/plan/config-hash.ts';
import type { Service } from '../../src/project/types.ts';
import { PortLeases } from '../../src/runtime/native/leases.ts';
import { createNativeRuntime } from '../../src/runtime/native/runtime.ts';
import type { NativeRuntime } from '../../src/runtime/native/types.ts';
import { aService } from '../rig/services.ts';
import { runtimeSuite, type Stage } from './runtime-suite.ts';

const steerable = new URL('../rig/steerable.mjs', import.meta.url).pathname;
const never = new AbortController().signal;
const supervisor = `${process.pid}:${processInfo(process.pid)?.startTime}`;

interface Rig {
  readonly folder: string;
  readonly projectId: string;
  readonly runtime: NativeRuntime;
  readonly events: Unstamped[];
}

/** `worker` is reached by nobody. */
function openRig(): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'camp-native-'));
  const projectId = `test-${process.pid}-${Math.random().toString(16).slice(2)}`;
  const events: Unstamped[] = [];
  const runtime = createNativeRuntime({
    projectId,
    ownEnv: { ...process.env, SECRET_TOKEN: 'hush', NODE_OPTIONS: '--no-warnings', PORT: '1' },
    supervisor,
    sharedEnv: () => ({}),
    leases: new PortLeases(folder, projectId),
    configHash,
    isReached: (service) => service !== 'worker',
    serviceOf: (name) => (name === 'later' ? steerableService(folder, name, '') : undefined),
    clock: monotonicClock(),
    emit: (event) => void events.push(event),
    pressure: () => undefined,
  });
  return { folder, projectId, runtime, events };
}

function steerableService(
  folder: string,
  name: string,
  mode: string,
  env: Record<string, string> = {},
  over: Partial<Service> = {},
): Service {
  return aService(name, {
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

describe('services as processes', () => {
  runtimeSuite('process', async (): Promise<Stage> => {
    const { folder, projectId, runtime, events } = openRig();
    const nothing = { kind: 'command', argv: ['/no/such/program'], cwd: folder, language: 'other', path: [] } as const;
    return {
      runtime,
      events,
      service: (name, mode, env, over) => steerableService(folder, name, mode, env, over),
      broken: () => steerableService(folder, 'api', '', {}, { start: { ...nothing, why: 'test' } }),
      prepare: async () => undefined,
      hashOf: configHash,
      kill: async ({ pids: [pid] }) => void process.kill(pid ?? expect.fail('nothing runs'), 'SIGKILL'),
      remains: async () => markedProcesses(projectId).map((one) => `${one.replica} ${one.pid}`),
      close: async () => rmSync(folder, { recursive: true, force: true }),
    };
  });
});

describe('a process', () => {
  let rig: Rig;

  beforeEach(() => {
    rig = openRig();
  });

  afterEach(async () => {
    await rig.runtime.shutdown(AbortSignal.abort());
    await until(() => markedProcesses(rig.projectId).length === 0, 'no process of the project is left');
    rmSync(rig.folder, { recursive: true, force: true });
  });

  async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 15_000): Promise<void> {
    const deadline = Date.now() + ms;
    while (!(await holds())) {
      if (Date.now() > deadline)
        throw new Error(`not within ${ms} ms: ${what}\n${JSON.stringify(rig.events.slice(-20), null, 1)}`);
      await delay(10);
    }
  }

  const service = (mode: string, env: Record<string, string> = {}): Service =>
    steerableService(rig.folder, 'api', mode, env);
  const address = (): string => rig.runtime.replicas()[0]?.endpoints[0]?.address ?? '';

  function ask(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      get(`http://${address()}${path}`, { agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text));
      }).on('error', reject);
    });
  }

  async function ready(one: Service): Promise<void> {
    await rig.runtime.start(one, 1);
    await rig.runtime.awaitReady(one, 1, 15_000, never);
  }

  const states = (): string[] => rig.events.flatMap((event) => (event.type === 'replica' ? [event.state.at] : []));
  const output = (): string[] => rig.events.flatMap((event) => (event.type === 'output' ? [event.line] : []));
  const notes = (): string[] => rig.events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  /** Of the process that runs now; never 0, which a signal would take for this very process group. */
  const pid = (): number => rig.runtime.replicas()[0]?.pids[0] ?? expect.fail('nothing runs');
  const isBackAs = (before: number): boolean => {
    const [replica] = rig.runtime.replicas();
    return replica?.pids[0] !== undefined && replica.pids[0] !== before && replica.state.at === 'ready';
  };

  it('sees what is declared and nothing else of the environment', async () => {
    await ready(service('', { DECLARED: 'yes' }));
    const { env } = JSON.parse(await ask('/')) as { env: Record<string, string> };
    expect(env).toMatchObject({ DECLARED: 'yes', HOST: '127.0.0.1', SERVICE: 'api' });
    expect(env['PORT']).not.toBe('1');
    expect(env).not.toHaveProperty('SECRET_TOKEN');
    expect(env).not.toHaveProperty('NODE_OPTIONS');
  });

  it('is told where a service will be that it points at and does not wait for', async () => {
    await ready(service('', { LATER_URL: 'http://later:8080/x', OTHER_URL: 'http://elsewhere:8080' }));
    const { env } = JSON.parse(await ask('/')) as { env: Record<string, string> };
    const later = rig.runtime.portOf(steerableService(rig.folder, 'later', ''), 1);
    expect(env).toMatchObject({ LATER_URL: `http://127.0.0.1:${later}/x`, OTHER_URL: 'http://elsewhere:8080' });
  });

  it('keeps its port when it is started again', async () => {
    await ready(service(''));
    const before = { pid: pid(), address: address() };
    process.kill(before.pid, 'SIGKILL');
    await until(() => isBackAs(before.pid), 'ready again');
    expect(address()).toBe(before.address);
  });

  it('is found on the port that it really opened, in either family', async () => {
    const own = 19_000 + (process.pid % 900);
    await ready(service('own-port six', { OWN_PORT: String(own) }));
    expect(address()).toBe(`[::1]:${own}`);
    expect(notes()).toContainEqual(expect.stringContaining(`listens on port ${own}`));
  });

  it('that closes its port but lives is restarted', async () => {
    await ready(service(''));
    const before = pid();
    await ask('/close-port');
    await until(() => isBackAs(before), 'restarted and ready');
    expect(states()).toContain('unhealthy');
  });

  it.each(['fork', 'daemon'])('is ended with what it has started, too (%s)', async (mode) => {
    await ready(service(mode));
    await until(() => output().some((line) => line.startsWith('child ')), 'the child is there');
    const child = Number(
      output()
        .find((line) => line.startsWith('child '))
        ?.split(' ')[1],
    );
    const id = { pid: child, startTime: processInfo(child)?.startTime ?? '' };
    expect(isAlive(id)).toBe(true);
    await rig.runtime.stop('api', 1);
    expect(isAlive(id)).toBe(false);
  });

  it('that ignores TERM is gone, not only forgotten', async () => {
    await ready(service('ignore-term'));
    const one = { pid: pid(), startTime: processInfo(pid())?.startTime ?? '' };
    await rig.runtime.stop('api', 1);
    expect(isAlive(one)).toBe(false);
  });
});
