import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CampError } from '../../src/kit/failure.ts';
import { connectEngine } from '../../src/runtime/docker/engine/connect.ts';
import { engineForTests } from '../rig/docker.ts';
import { type SecondEngine, startSecondEngine, whyNoSecondEngine } from '../rig/second-engine.ts';
import { aService } from '../rig/services.ts';
import { type Declared, type DockerRig, dockerRig } from './docker-rig.ts';

const first = await engineForTests('an engine that goes away', ['busybox']);
const whyNot = first ? whyNoSecondEngine() : 'no Docker engine';
if (first && whyNot) console.warn(`skipped: an engine that dies: ${whyNot}`);
const never = new AbortController().signal;

/** RELIABILITY H2, H3 and H10, on an engine of the test's own, without a network. */
describe.skipIf(whyNot)('an engine that goes away', () => {
  const root = mkdtempSync(join(tmpdir(), 'camp-dies-'));
  let engine: SecondEngine;
  let env: NodeJS.ProcessEnv;
  let rig: DockerRig;

  beforeAll(async () => {
    engine = await startSecondEngine(join(root, 'engine'));
    env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}` };
    const copied = spawnSync('sh', ['-c', `docker save busybox | docker -H unix://${engine.socket} load`]);
    expect(copied.status, copied.stderr.toString()).toBe(0);
  });
  afterAll(async () => {
    await engine?.end();
    rmSync(root, { recursive: true, force: true });
  });

  beforeEach(async () => {
    rig = dockerRig(await connectEngine(env, never), env);
  });
  afterEach(() => rig.close());

  function sleeper(line: string, health?: string): Declared {
    const healthcheck = health === undefined ? {} : { healthcheck: { test: ['CMD-SHELL', health], interval: '1h' } };
    return {
      service: aService('api', { isNative: false, stop: { signal: 'SIGTERM', graceMs: 0 } }),
      compose: {
        image: 'busybox',
        command: ['sh', '-c', line],
        network_mode: 'none',
        stop_grace_period: '0s',
        ...healthcheck,
      },
    };
  }

  async function codeOf(work: Promise<unknown>): Promise<string> {
    const error = await work.then(
      () => expect.fail('it succeeded'),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof CampError)) throw error;
    expect(error.failures[0]?.fault).toBe('machine');
    return error.failures[0]?.code ?? '';
  }

  it('is told of by its name to whoever waits, when it hangs', async () => {
    const one = sleeper('sleep 1000', 'false');
    rig.declare([one]);
    await rig.runtime.create({ services: ['api'], replaced: [], edge: false }, never);
    await rig.runtime.start(one.service, 1);
    const waiting = codeOf(rig.runtime.awaitReady(one.service, 1, 60_000, never));
    engine.signal('SIGSTOP');
    try {
      expect(await waiting).toBe('ENGINE_HANGS');
      expect(await codeOf(rig.runtime.create({ services: ['api'], replaced: ['api'], edge: false }, never))).toBe(
        'ENGINE_HANGS',
      );
    } finally {
      engine.signal('SIGCONT');
    }
  });

  it('is found again after its restart: states are right, and no line comes twice', async () => {
    const one = sleeper('i=0; while true; do i=$$((i+1)); echo line $$i; sleep 0.05; done');
    await rig.up([one]);
    const lines = (): string[] => rig.events.flatMap((event) => (event.type === 'output' ? [event.line] : []));
    await until(() => lines().length >= 3, 'its first lines');
    engine.signal('SIGTERM');
    await until(
      () => rig.events.some((event) => event.type === 'note' && event.message.endsWith('waiting for it')),
      'it is said that the engine is away',
    );
    await engine.end();
    engine = await startSecondEngine(join(root, 'engine'));
    spawnSync('sh', ['-c', `docker save busybox | docker -H unix://${engine.socket} load`]);
    // its data went with its folder: so has the container
    await until(() => rig.runtime.replicas()[0]?.isRunning === false, 'the end of the container is seen');
    expect(new Set(lines()).size).toBe(lines().length);
    rig.declare([one]);
    await rig.runtime.create({ services: ['api'], replaced: [], edge: false }, never);
    await rig.runtime.start(one.service, 1);
    await rig.runtime.awaitReady(one.service, 1, 30_000, never);
  });

  it('in the middle of a wait is told of, too', async () => {
    const one = sleeper('sleep 1000', 'test -f /ready');
    rig.declare([one]);
    await rig.runtime.create({ services: ['api'], replaced: [], edge: false }, never);
    await rig.runtime.start(one.service, 1);
    const waiting = codeOf(rig.runtime.awaitReady(one.service, 1, 60_000, never));
    engine.signal('SIGTERM');
    expect(['ENGINE_UNREACHABLE', 'ENGINE_HANGS']).toContain(await waiting);
    await engine.end();
    engine = await startSecondEngine(join(root, 'engine'));
  });

  async function until(holds: () => boolean, what: string, ms = 30_000): Promise<void> {
    const deadline = Date.now() + ms;
    while (!holds()) {
      if (Date.now() > deadline)
        throw new Error(`not within ${ms} ms: ${what}\n${JSON.stringify(rig.events.slice(-20), null, 1)}`);
      await delay(10);
    }
  }
});
