import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Unstamped } from '../../src/kit/events.ts';
import { CampError } from '../../src/kit/failure.ts';
import type { Service } from '../../src/project/types.ts';
import type { ReplicaView, Runtime } from '../../src/runtime/types.ts';

/** What each runtime brings along so that the same tests can be run on it. */
export interface Stage {
  readonly runtime: Runtime;
  /** In the order in which the runtime has told them. */
  readonly events: Unstamped[];
  /** The steerable service, as this runtime runs it: `api` is reached by requests, `worker` by nobody. */
  service(name: 'api' | 'worker', mode: string, env?: Record<string, string>, over?: Partial<Service>): Service;
  /** The same with a command that is no program. */
  broken(): Service;
  /** Makes what has to be there before a replica can be started. */
  prepare(service: Service, replicas: number): Promise<void>;
  /** What the service was prepared with, as the planner compares it. */
  hashOf(service: Service): string;
  /** Kills a replica from outside, with a signal that cannot be caught. */
  kill(replica: ReplicaView): Promise<void>;
  /** Names what is left of the project on this machine. */
  remains(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const never = new AbortController().signal;

/** What every runtime promises (src/runtime/types.ts), whatever it runs services in. */
export function runtimeSuite(kind: 'process' | 'container', open: () => Promise<Stage>): void {
  let stage: Stage;
  let runtime: Runtime;

  beforeEach(async () => {
    stage = await open();
    runtime = stage.runtime;
  });

  afterEach(async () => {
    await runtime.shutdown(AbortSignal.abort());
    await until(async () => (await stage.remains()).length === 0, 'nothing of the project is left');
    await stage.close();
  });

  async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 30_000): Promise<void> {
    const deadline = Date.now() + ms;
    while (!(await holds())) {
      if (Date.now() > deadline)
        throw new Error(`not within ${ms} ms: ${what}\n${JSON.stringify(stage.events.slice(-20), null, 1)}`);
      await delay(10);
    }
  }

  const states = (): string[] =>
    stage.events.flatMap((event) => (event.type === 'replica' ? [`${event.replica} ${event.state.at}`] : []));
  const output = (): { stream: string; line: string }[] =>
    stage.events.flatMap((event) => (event.type === 'output' ? [{ stream: event.stream, line: event.line }] : []));
  const notes = (): string[] => stage.events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  const replica = (index = 1): ReplicaView =>
    runtime.replicas().find((one) => one.index === index) ?? expect.fail(`no replica ${index}`);

  async function start(service: Service, count = 1): Promise<void> {
    await stage.prepare(service, count);
    for (let index = 1; index <= count; index++) await runtime.start(service, index);
  }

  async function ready(service: Service, count = 1): Promise<void> {
    await start(service, count);
    for (let index = 1; index <= count; index++) await runtime.awaitReady(service, index, 30_000, never);
  }

  async function failureOf(work: Promise<unknown>): Promise<{ code: string; fault: string; evidence: string }> {
    const error = await work.then(
      () => expect.fail('it succeeded'),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof CampError)) throw error;
    const [first] = error.failures;
    return { code: first?.code ?? '', fault: first?.fault ?? '', evidence: (first?.evidence ?? []).join('\n') };
  }

  function ask(path: string, index = 1): Promise<string> {
    const address = replica(index).endpoints[0]?.address ?? '';
    return new Promise((resolve, reject) => {
      get(`http://${address}${path}`, { agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text));
      }).on('error', reject);
    });
  }

  const isBackAs = ([before]: readonly number[]): boolean => {
    const [one] = runtime.replicas();
    return one?.state.at === 'ready' && one.pids[0] !== undefined && one.pids[0] !== before;
  };

  describe('a replica', () => {
    it('is ready when it answers', async () => {
      await ready(stage.service('api', ''));
      expect(states()).toEqual(['api:1 starting', 'api:1 ready']);
      expect(JSON.parse(await ask('/'))).toHaveProperty('pid');
    });

    it('is shown with what it is and where', async () => {
      const service = stage.service('api', '');
      await ready(service);
      expect(replica()).toMatchObject({
        id: 'api:1',
        service: 'api',
        index: 1,
        configHash: stage.hashOf(service),
        isRunning: true,
        graceMs: 1000,
      });
      expect(replica().endpoints).toMatchObject([{ service: 'api', replica: 'api:1' }]);
      expect(replica().endpoints[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(replica().pids).toHaveLength(1);
    });

    it('is observed, with the hash that it was started with', async () => {
      const service = stage.service('api', '');
      await ready(service);
      expect(await runtime.observe(never)).toMatchObject([
        { service: 'api', index: 1, configHash: stage.hashOf(service), runtime: kind, isRunning: true },
      ]);
    });

    it('shows its lines once each, with their stream', async () => {
      await ready(stage.service('api', ''));
      for (let i = 0; i < 3; i++) await ask('/say');
      await until(() => output().length >= 4, 'its lines');
      expect(output().map(({ stream }) => stream)).toEqual(['stdout', 'stdout', 'stdout', 'stdout']);
      expect(output()[0]?.line).toMatch(/^listening on \d+$/);
    });

    it('may be slow: it is waited for, not restarted', async () => {
      await ready(stage.service('api', '', { DELAY_MS: '700' }));
      expect(states()).toEqual(['api:1 starting', 'api:1 ready']);
    });

    it('that never is ready fails at the deadline with the last answer', async () => {
      const service = stage.service('api', 'never-ready');
      await start(service);
      const failed = await failureOf(runtime.awaitReady(service, 1, 1500, never));
      expect(failed).toMatchObject({ code: 'NOT_READY', fault: 'service' });
      expect(failed.evidence).toContain('GET /readyz answered 503');
    });

    it('that nobody reaches is ready without a port', async () => {
      await ready(stage.service('worker', 'silent'));
      expect(states()).toEqual(['worker:1 starting', 'worker:1 ready']);
    });

    it('that is waited for no longer leaves the others alone', async () => {
      const service = stage.service('api', 'never-ready');
      await start(service);
      const given = new AbortController();
      const waiting = runtime.awaitReady(service, 1, 30_000, given.signal);
      given.abort(new Error('given up'));
      await expect(waiting).rejects.toThrow('given up');
      expect(replica().state.at).toBe('starting');
    });

    it('whose program is not there names it', async () => {
      const service = stage.broken();
      await stage.prepare(service, 1);
      expect(await failureOf(runtime.start(service, 1))).toMatchObject({ code: 'SPAWN_FAILED', fault: 'service' });
      expect(runtime.replicas()).toEqual([]);
    });
  });

  describe('an end', () => {
    it('with 0 before it is ready is too early', async () => {
      const service = stage.service('api', 'exit-0');
      await start(service);
      expect(await failureOf(runtime.awaitReady(service, 1, 30_000, never))).toMatchObject({
        code: 'EXITED_EARLY',
        fault: 'service',
      });
    });

    it('with 0 is what a one-shot is for', async () => {
      await ready(stage.service('worker', 'exit-0', {}, { isOneShot: true }));
      expect(states()).toEqual(['worker:1 starting', 'worker:1 exited']);
      expect(await runtime.observe(never)).toMatchObject([{ isRunning: false, hasCompleted: true }]);
    });

    it('of a one-shot with another code is a failure, with its last lines', async () => {
      const service = stage.service('worker', 'exit-3', {}, { isOneShot: true });
      await start(service);
      const failed = await failureOf(runtime.awaitReady(service, 1, 30_000, never));
      expect(failed.code).toBe('EXITED_EARLY');
      expect(failed.evidence).toContain('cannot go on: the flux is missing');
      expect(output()).toContainEqual({ stream: 'stderr', line: 'cannot go on: the flux is missing' });
      expect(states()).toEqual(['worker:1 starting', 'worker:1 exited']);
    });

    it('after each of five starts is a crash loop', async () => {
      const service = stage.service('api', 'exit-3');
      await start(service);
      const failed = await failureOf(runtime.awaitReady(service, 1, 30_000, never));
      expect(failed).toMatchObject({ code: 'CRASH_LOOP', fault: 'service' });
      expect(failed.evidence).toContain('cannot go on: the flux is missing');
      expect(states().filter((state) => state === 'api:1 starting')).toHaveLength(5);
      expect(replica().isRunning).toBe(false);
    });

    it('by a kill from outside is made good', async () => {
      await ready(stage.service('api', ''));
      const before = replica().pids;
      await stage.kill(replica());
      await until(() => isBackAs(before), 'ready again');
      expect(JSON.parse(await ask('/'))).toHaveProperty('pid');
    });

    it('by many kills from outside is no crash loop', async () => {
      await ready(stage.service('api', ''));
      for (let i = 0; i < 6; i++) {
        const before = replica().pids;
        await stage.kill(replica());
        await until(() => isBackAs(before), `ready after kill ${i + 1}`);
      }
      expect(states().join()).not.toContain('crash-loop');
    });

    it('while it served is made good, too', async () => {
      await ready(stage.service('api', ''));
      const before = replica().pids;
      await ask('/exit');
      await until(() => isBackAs(before), 'ready again');
      expect(notes()).toContainEqual(expect.stringContaining('ended with code 1'));
    });
  });

  describe('stopping', () => {
    it('leaves nothing of a replica', async () => {
      await ready(stage.service('api', ''));
      await runtime.stop('api', 1);
      expect(runtime.replicas()).toEqual([]);
      expect(await runtime.observe(never)).toEqual([]);
      expect(states().slice(-2)).toEqual(['api:1 stopping', 'api:1 exited']);
    });

    it('gives a service that ends on TERM no reason to be killed', async () => {
      await ready(stage.service('api', '', { STOP_MS: '100', SIGNALS_FILE: '/dev/null' }));
      await runtime.stop('api', 1);
      expect(notes()).toEqual([]);
    });

    it('ends a service that ignores TERM with KILL after its grace, and says so', async () => {
      await ready(stage.service('api', 'ignore-term'));
      await runtime.stop('api', 1);
      expect(output()).toContainEqual({ stream: 'stdout', line: 'TERM is ignored' });
      expect(notes()).toContainEqual(expect.stringContaining('did not stop within 1 s'));
      expect(await runtime.observe(never)).toEqual([]);
    });

    it('before it is ready stops it, and whoever waits is told', async () => {
      const service = stage.service('api', '', { DELAY_MS: '60000' });
      await start(service);
      const waiting = failureOf(runtime.awaitReady(service, 1, 30_000, never));
      await runtime.stop('api', 1);
      expect((await waiting).code).toBe('EXITED_EARLY');
      expect(runtime.replicas()).toEqual([]);
      expect(await runtime.observe(never)).toEqual([]);
    });

    it('during backoff keeps it stopped', async () => {
      const service = stage.service('api', 'exit-3');
      await start(service);
      await until(() => states().includes('api:1 backing-off'), 'it backs off');
      await runtime.stop('api', 1);
      const count = states().length;
      await delay(600);
      expect(states()).toHaveLength(count);
      expect(states().at(-1)).toBe('api:1 exited');
    });
  });

  describe('several replicas', () => {
    it('have addresses of their own, and are ended one by one', async () => {
      const service = stage.service('api', '');
      await ready(service, 3);
      const addresses = runtime.replicas().flatMap((one) => one.endpoints.map(({ address }) => address));
      expect(new Set(addresses).size).toBe(3);
      await runtime.stop('api', 2);
      expect((await runtime.observe(never)).map(({ index }) => index).sort()).toEqual([1, 3]);
      await ask('/', 1);
      await ask('/', 3);
    });

    it('come back under the index that is free', async () => {
      const service = stage.service('api', '');
      await ready(service, 3);
      await runtime.stop('api', 2);
      await stage.prepare(service, 3);
      await runtime.start(service, 2);
      await runtime.awaitReady(service, 2, 30_000, never);
      expect((await runtime.observe(never)).map(({ index }) => index).sort()).toEqual([1, 2, 3]);
      await ask('/', 2);
    });

    it('are restarted one after another, each ready before the next', async () => {
      await ready(stage.service('api', ''), 2);
      const before = runtime.replicas().map((one) => one.pids[0]);
      stage.events.length = 0;
      await runtime.restart('api', never);
      expect(states()).toEqual(
        [1, 2].flatMap((index) => ['stopping', 'starting', 'ready'].map((at) => `api:${index} ${at}`)),
      );
      for (const { pids } of runtime.replicas()) expect(before).not.toContain(pids[0]);
    });

    it('are ended together', async () => {
      await ready(stage.service('api', 'ignore-term'), 2);
      await runtime.shutdown(never);
      expect(runtime.replicas()).toEqual([]);
      await until(async () => (await stage.remains()).length === 0, 'nothing of the project is left');
    });
  });

  it('restarts what was in a crash loop, when it is asked to', async () => {
    const service = stage.service('api', 'exit-3');
    await start(service);
    await failureOf(runtime.awaitReady(service, 1, 30_000, never));
    const count = states().length;
    await runtime.restart('api', never).catch(() => undefined);
    expect(states().slice(count)).toContain('api:1 starting');
  });
}
