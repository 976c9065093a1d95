import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CampError, type Failure } from '../../src/kit/failure.ts';
import { listeners } from '../../src/kit/ports.ts';
import { runCommand } from '../../src/kit/spawn.ts';
import type { Engine } from '../../src/runtime/docker/engine/types.ts';
import { composeLabels, configLabel, projectLabel } from '../../src/runtime/docker/labels.ts';
import { removeLeftovers, removeVolumes, volumesOf } from '../../src/runtime/docker/leftovers.ts';
import { engineForTests } from '../rig/docker.ts';
import { aService } from '../rig/services.ts';
import { type Declared, type DockerRig, dockerRig, steerable } from './docker-rig.ts';

const found = await engineForTests('a project in containers', ['busybox', 'node:24-alpine']);
const never = new AbortController().signal;

describe.skipIf(!found)('a project in containers', () => {
  const engine = found as Engine;
  const { api } = engine ?? {};
  let rig: DockerRig;
  const strangers: string[] = [];

  beforeEach(() => {
    rig = dockerRig(engine);
  });

  afterEach(async () => {
    await rig.close();
    for (const name of strangers.splice(0)) await docker('rm', '-f', '-v', name);
    expect(await rig.containers()).toEqual([]);
    expect(await api.listNetworks([`${projectLabel}=${rig.projectId}`])).toEqual([]);
    expect(await api.listVolumes([`${projectLabel}=${rig.projectId}`])).toEqual([]);
  });

  async function docker(...args: readonly string[]): Promise<string> {
    const env = { ...(process.env as Record<string, string>), ...engine.env };
    const { stdout, stderr, exitCode } = await runCommand(['docker', ...args], { env, timeoutMs: 60_000 });
    if (exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  }

  async function stranger(...args: readonly string[]): Promise<string> {
    const id = await docker('create', ...args, 'busybox', 'sleep', '1000');
    strangers.push(id);
    return id;
  }

  async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 30_000): Promise<void> {
    const deadline = Date.now() + ms;
    while (!(await holds())) {
      if (Date.now() > deadline)
        throw new Error(`not within ${ms} ms: ${what}\n${JSON.stringify(rig.events.slice(-20), null, 1)}`);
      await delay(10);
    }
  }

  async function failuresOf(work: Promise<unknown>): Promise<readonly Failure[]> {
    const error = await work.then(
      () => expect.fail('it succeeded'),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof CampError)) throw error;
    return error.failures;
  }

  const create = (services: readonly string[], replaced: readonly string[] = []): Promise<void> =>
    rig.runtime.create({ services, replaced, edge: false }, never);
  const state = (service = 'api'): string | undefined =>
    rig.runtime.replicas().find((one) => one.service === service)?.state.at;
  const states = (): string[] =>
    rig.events.flatMap((event) => (event.type === 'replica' ? [`${event.replica} ${event.state.at}`] : []));
  const notes = (): string[] => rig.events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  const lines = (): string[] => rig.events.flatMap((event) => (event.type === 'output' ? [event.line] : []));

  function sleeper(
    name: string,
    more: Readonly<Record<string, unknown>> = {},
    over: Partial<Declared['service']> = {},
  ): Declared {
    const service = aService(name, { isNative: false, stop: { signal: 'SIGTERM', graceMs: 0 }, ...over });
    return { service, compose: { image: 'busybox', command: 'sleep 1000', stop_grace_period: '0s', ...more } };
  }

  const shell = (line: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
    command: ['sh', '-c', line],
    ...more,
  });

  describe('whose things are', () => {
    it('publishes on loopback only, whatever the file says', async () => {
      const one = steerable('api', '', {}, {}, { ports: ['0.0.0.0::8080'] });
      await rig.up([one]);
      const port = Number(rig.runtime.replicas()[0]?.endpoints[0]?.address.split(':')[1]);
      const container = await api.inspectContainer(await rig.containerOf('api'));
      expect(container?.ports).toEqual([{ containerPort: 8080, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: port }]);
      expect(
        listeners()
          .filter((each) => each.port === port)
          .map((each) => each.address),
      ).toEqual(['127.0.0.1']);
    });

    it.each([
      ['camp has not made', '/', [], 'docker compose -p NAME down, in /'],
      ['a camp has made elsewhere', '/', ['--label', `${projectLabel}=another`], 'camp down, in /'],
      ['was moved', '/gone', ['--label', `${projectLabel}=another`], 'docker compose -p NAME down, in /gone'],
    ])('refuses the name of a project that %s, and changes nothing', async (_, folder, labels, hint) => {
      await stranger(
        '--name',
        `${rig.name}-old`,
        '--label',
        `${composeLabels.project}=${rig.name}`,
        '--label',
        `${composeLabels.workingDir}=${folder}`,
        ...labels,
      );
      rig.declare([sleeper('api', { volumes: ['data:/data'] })], { volumes: { data: {} } });
      const [failure] = await failuresOf(create(['api']));
      expect(failure).toMatchObject({ fault: 'machine', code: 'PROJECT_NAME_TAKEN' });
      expect(failure?.evidence?.join()).toContain(`${rig.name}-old (busybox, created) of ${folder}`);
      expect(failure?.hints[0]).toBe(hint.replace('NAME', rig.name));
      expect(await rig.containers()).toEqual([]);
      expect(await api.listVolumes([`${composeLabels.project}=${rig.name}`])).toEqual([]);
    });

    it('refuses a container_name that a stranger has', async () => {
      await stranger('--name', `${rig.name}-db`);
      rig.declare([sleeper('db', { container_name: `${rig.name}-db` }), sleeper('api')]);
      const failures = await failuresOf(create(['db', 'api']));
      expect(failures.map(({ code, fault }) => [code, fault])).toEqual([['NAME_TAKEN', 'machine']]);
      expect(await rig.containers()).toEqual([]);
    });

    it('never adopts, stops or removes what another project has made', async () => {
      const id = await stranger('--label', `${projectLabel}=another`, '--label', `${composeLabels.project}=another`);
      await api.startContainer(id);
      await rig.up([sleeper('api')]);
      await rig.runtime.adopt(never);
      expect(await rig.runtime.observe(never)).toHaveLength(1);
      await rig.runtime.shutdown(never);
      expect((await api.inspectContainer(id))?.status).toBe('running');
    });

    it('is taken over by the camp that comes after one that was killed', async () => {
      await rig.up([steerable('api', '', {}, { replicas: 2 }, { scale: 2 }), sleeper('db')]);
      const next = rig.successor();
      const before = await next.observe(never);
      expect(before.map((one) => [one.service, one.index, one.isRunning]).sort()).toEqual([
        ['api', 1, true],
        ['api', 2, true],
        ['db', 1, true],
      ]);
      expect(before.find((one) => one.service === 'api')?.configHash).toBe(rig.hashOf('api'));
      await next.adopt(never);
      await next.awaitReady(aService('api'), 2, 30_000, never);
      await next.awaitReady(aService('api'), 1, 30_000, never);
      expect(next.replicas().flatMap((one) => one.endpoints)).toHaveLength(2);
      await next.shutdown(never);
      expect(await rig.containers()).toEqual([]);
    });

    it('is removed without any compose file', async () => {
      await rig.up([sleeper('api'), sleeper('db')]);
      const left = { projectId: rig.projectId, stateDir: `${rig.folder}/state`, signal: never };
      expect(await removeLeftovers(engine, left)).toBe(2);
      expect(await rig.containers()).toEqual([]);
    });
  });

  describe('data', () => {
    it('outlives everything but its own removal, anonymous volumes too', async () => {
      await rig.up(
        [
          sleeper('api', {
            volumes: ['data:/data', '/anonymous'],
            command: ['sh', '-c', 'echo kept > /data/x; sleep 1000'],
          }),
        ],
        {
          volumes: { data: { labels: { mine: 'yes' } } },
        },
      );
      await rig.runtime.shutdown(never);
      const left = { projectId: rig.projectId, stateDir: `${rig.folder}/state`, signal: never };
      const volumes = await volumesOf(engine, left);
      expect(volumes.map((one) => one.isAnonymous)).toEqual([false, true]);
      expect(volumes[0]).toMatchObject({ name: `${rig.name}_data`, size: 5 });
      const [named] = await api.listVolumes([`${projectLabel}=${rig.projectId}`]);
      expect(named?.labels).toMatchObject({
        mine: 'yes',
        [composeLabels.project]: rig.name,
        [composeLabels.volume]: 'data',
      });
      await removeVolumes(engine, left, volumes);
      expect(await volumesOf(engine, left)).toEqual([]);
      expect((await api.listVolumes([])).map(({ name }) => name)).not.toContain(volumes[1]?.name);
    });

    // Compose makes the volumes of whatever a container depends on, even where nothing of that is to be created
    it('has no volume where its service runs without a container', async () => {
      const api = sleeper('api', { depends_on: ['db'] });
      const db = sleeper('db', { volumes: ['data:/data'] });
      await rig.up([api], { services: { api: api.compose, db: db.compose }, volumes: { data: {} } });
      expect(await rig.containers()).toEqual([`${rig.name}-api-1`]);
      expect((await engine.api.listVolumes([])).filter(({ name }) => name.startsWith(rig.name))).toEqual([]);
    });

    it("of a volume that was there before is not the project's to remove", async () => {
      const name = `${rig.name}_data`;
      await docker(
        'volume',
        'create',
        '--label',
        `${composeLabels.project}=${rig.name}`,
        '--label',
        `${composeLabels.volume}=data`,
        name,
      );
      try {
        await rig.up([sleeper('api', { volumes: ['data:/data'] })], { volumes: { data: {} } });
        await rig.runtime.shutdown(never);
        const left = { projectId: rig.projectId, stateDir: `${rig.folder}/state`, signal: never };
        expect(await volumesOf(engine, left)).toEqual([]);
      } finally {
        await docker('volume', 'rm', name);
      }
    });

    it("is seen as Compose's own by plain docker compose", async () => {
      await rig.up([sleeper('api', { volumes: ['data:/data'] })], { volumes: { data: {} } });
      const file = `${rig.folder}/compose.yaml`;
      expect(await docker('compose', '-f', file, 'ps', '--format', '{{.Name}}')).toBe(`${rig.name}-api-1`);
      await docker('compose', '-f', file, 'down', '-v');
      expect(await rig.containers()).toEqual([]);
    });
  });

  describe('before anything is created', () => {
    it('names every image that is neither here nor to be had', async () => {
      const absent = ['camp.invalid/one:1', 'camp.invalid/two:2'];
      rig.declare([sleeper('a', { image: absent[0] }), sleeper('b', { image: absent[1] }), sleeper('c')]);
      const [failure] = await failuresOf(create(['a', 'b', 'c']));
      expect(failure).toMatchObject({ fault: 'machine', code: 'IMAGE_MISSING' });
      for (const ref of absent) expect(failure?.message).toContain(ref);
      expect(failure?.hints).toEqual(absent.map((ref) => `docker pull ${ref}`));
      expect(await rig.containers()).toEqual([]);
    });

    it('does not ask a registry where pull_policy forbids it', async () => {
      rig.declare([sleeper('a', { image: 'camp.invalid/one:1', pull_policy: 'never' })]);
      const [failure] = await failuresOf(create(['a']));
      expect(failure?.code).toBe('IMAGE_MISSING');
      expect(failure?.evidence).toEqual(['service a: camp.invalid/one:1']);
    });
  });

  describe('what stands in the way of a start', () => {
    it('is a port that another holds: it is named', async () => {
      const holder = steerable('holder', '', {}, { name: 'holder' });
      await rig.up([holder]);
      const port = Number(rig.runtime.replicas()[0]?.endpoints[0]?.address.split(':')[1]);
      const late = steerable('api', '');
      rig.declare([
        holder,
        { ...late, wish: { ...late.wish, ports: [{ containerPort: 8080, protocol: 'tcp', hostPort: port }] } },
      ]);
      await create(['api']);
      const [failure] = await failuresOf(rig.runtime.start(late.service, 1));
      expect(failure).toMatchObject({ fault: 'machine', code: 'PORT_IN_USE' });
      expect(failure?.message).toContain(`wants port ${port}`);
    });

    it('is memory: the limit is named', async () => {
      const eat = 'a=x; while true; do a=$$a$$a; done';
      const one = sleeper(
        'api',
        shell(eat, { mem_limit: '16m', memswap_limit: '16m', healthcheck: { test: ['CMD', 'false'], interval: '1h' } }),
      );
      rig.declare([one]);
      await create(['api']);
      await rig.runtime.start(one.service, 1);
      const [failure] = await failuresOf(rig.runtime.awaitReady(one.service, 1, 30_000, never));
      expect(failure).toMatchObject({ fault: 'service', code: 'OUT_OF_MEMORY' });
      expect(failure?.message).toContain('its limit of 16 MiB');
    });

    it('is no container: somebody has removed it', async () => {
      const one = sleeper('api');
      rig.declare([one]);
      await create(['api']);
      await api.removeContainer(await rig.containerOf('api'), { force: true });
      const [failure] = await failuresOf(rig.runtime.start(one.service, 1));
      expect(failure).toMatchObject({ fault: 'machine', code: 'CONTAINER_GONE' });
    });

    it('is not a network that somebody has removed: it is made again', async () => {
      const one = sleeper('api');
      rig.declare([one]);
      await create(['api']);
      await api.removeNetwork(`${rig.name}_default`);
      await rig.runtime.start(one.service, 1);
      await rig.runtime.awaitReady(one.service, 1, 30_000, never);
      expect((await api.inspectNetwork(`${rig.name}_default`))?.labels).toHaveProperty(projectLabel, rig.projectId);
    });
  });

  describe('health', () => {
    const health = (test: string, more = {}): Readonly<Record<string, unknown>> => ({
      healthcheck: { test: ['CMD-SHELL', test], interval: '1h', timeout: '2s', retries: 1, ...more },
    });

    it('is judged by camp from the start on: a long interval keeps nobody waiting', async () => {
      await rig.up([sleeper('api', shell('sleep 0.3; touch /ready; sleep 1000', health('test -f /ready')))]);
      const container = await api.inspectContainer(await rig.containerOf('api'));
      expect(container?.health?.status).toBe('starting');
      expect(state()).toBe('ready');
    });

    it('that never comes is NOT_READY, with what the check said', async () => {
      const one = sleeper('api', health('echo no flux; false'));
      rig.declare([one]);
      await create(['api']);
      await rig.runtime.start(one.service, 1);
      const [failure] = await failuresOf(rig.runtime.awaitReady(one.service, 1, 1500, never));
      expect(failure?.code).toBe('NOT_READY');
      expect(failure?.evidence?.[0]).toBe('last probe: the health check ended with 1: no flux');
    });

    it("that is lost and found again is followed, by the engine's own word", async () => {
      await rig.up([
        sleeper('api', shell('touch /ready; sleep 1000', health('test -f /ready', { interval: '300ms' }))),
      ]);
      const id = await rig.containerOf('api');
      await api.exec(id, ['rm', '/ready']);
      await until(() => state() === 'unhealthy', 'it is unhealthy');
      await api.exec(id, ['touch', '/ready']);
      await until(() => state() === 'ready', 'it is healthy again');
      expect(states().filter((one) => one === 'api:1 starting')).toHaveLength(1);
    });

    it('is not believed while a port is still shut: databases answer themselves first', async () => {
      const one = steerable(
        'api',
        '',
        { DELAY_MS: '1500' },
        {},
        { healthcheck: { test: ['CMD', 'true'], interval: '1h' } },
      );
      await rig.up([one]);
      expect(lines()).toContain('listening on 8080');
    });
  });

  describe('what is done from outside', () => {
    it('a pause is shown, ends, and is undone by a start', async () => {
      const one = steerable('api', '');
      await rig.up([one]);
      const id = await rig.containerOf('api');
      await docker('pause', id);
      await until(() => state() === 'unhealthy', 'the pause is seen');
      expect(await rig.runtime.observe(never)).toMatchObject([{ isRunning: false }]);
      await rig.runtime.start(one.service, 1);
      await rig.runtime.awaitReady(one.service, 1, 30_000, never);
      expect((await api.inspectContainer(id))?.status).toBe('running');
    });

    it('a removal is shown, and made good by the next create and start', async () => {
      const one = sleeper('api');
      await rig.up([one]);
      await api.removeContainer(await rig.containerOf('api'), { force: true });
      await until(() => state() === 'exited', 'the removal is seen');
      expect(notes()).toEqual(['its container was removed from outside']);
      expect(await rig.runtime.observe(never)).toEqual([]);
      await create(['api']);
      await rig.runtime.start(one.service, 1);
      await rig.runtime.awaitReady(one.service, 1, 30_000, never);
      expect(state()).toBe('ready');
    });

    it('a removal while it waits for its next start is no crash loop', async () => {
      await rig.up([sleeper('api', shell('sleep 1; exit 1'))]);
      await until(() => state() === 'backing-off', 'it has failed more than once');
      await api.removeContainer(await rig.containerOf('api'), { force: true });
      await until(() => state() === 'exited', 'the removal is seen');
      expect(notes().at(-1)).toBe('its container was removed from outside');
    });

    it('another name changes nothing', async () => {
      await rig.up([sleeper('api')]);
      await api.renameContainer(await rig.containerOf('api'), `${rig.name}-renamed`);
      expect(await rig.runtime.observe(never)).toMatchObject([{ service: 'api', index: 1, isRunning: true }]);
      await create(['api']);
      expect(await rig.containers()).toEqual([`${rig.name}-renamed`]);
    });

    it("a gap that a removal leaves in Compose's numbers is no gap in the replicas", async () => {
      const three = sleeper('api', { scale: 3 }, { replicas: 3 });
      await rig.up([three]);
      await api.removeContainer(await rig.containerOf('api', 2), { force: true });
      await until(
        () => rig.runtime.replicas().some((one) => one.index === 2 && one.state.at === 'exited'),
        'the removal is seen',
      );
      await create(['api']);
      expect((await rig.runtime.observe(never)).map((one) => one.index).sort()).toEqual([1, 2, 3]);
      await rig.runtime.start(three.service, 2);
      expect((await rig.successor().observe(never)).map((one) => one.index).sort()).toEqual([1, 2, 3]);
      expect(await rig.containers()).toEqual([1, 2, 3].map((index) => `${rig.name}-api-${index}`));
    });
  });

  describe('a new configuration', () => {
    it('replaces the container; the one before is not started again, and its volumes stay with it', async () => {
      await rig.up([sleeper('api', { volumes: ['/anonymous'] })]);
      const before = await rig.containerOf('api');
      const changed = sleeper('api', { volumes: ['/anonymous'], environment: { VERSION: '2' } });
      rig.declare([changed]);
      const volumes = async (): Promise<unknown> =>
        (await api.inspectContainer(await rig.containerOf('api')))?.mounts.map((one) => one.name);
      const mounted = await volumes();
      await create(['api'], ['api']);
      await rig.runtime.start(changed.service, 1);
      await rig.runtime.awaitReady(changed.service, 1, 30_000, never);
      expect(await api.inspectContainer(before)).toBeUndefined();
      const after = await api.inspectContainer(await rig.containerOf('api'));
      expect(after?.labels[configLabel]).toBe(rig.hashOf('api'));
      expect(after?.env).toContain('VERSION=2');
      expect(await volumes()).toEqual(mounted);
    });

    it('passes dollars on as they are', async () => {
      const one = sleeper('api', {}, {});
      await rig.up([{ ...one, wish: { environment: { PRICE: '$5 ${HOME} $$' } } }]);
      expect((await api.inspectContainer(await rig.containerOf('api')))?.env).toContain('PRICE=$5 ${HOME} $$');
    });
  });

  describe('an image of its own', () => {
    const built = (name: string, dockerfile: string): Declared => {
      const one = sleeper(name);
      const { image, command, ...rest } = one.compose;
      return { ...one, compose: { ...rest, build: { context: rig.folder, dockerfile_inline: dockerfile } } };
    };

    afterEach(async () => {
      for (const name of ['api', 'web']) await docker('image', 'rm', '-f', `${rig.name}-${name}`);
    });

    it('is built, its lines are shown, and runs', async () => {
      rig.declare([built('api', 'FROM busybox\nRUN echo the flux is here\nCMD sleep 1000\n')]);
      await rig.runtime.build(['api'], never);
      expect(lines().join('\n')).toContain('the flux is here');
      await create(['api']);
      await rig.runtime.start(sleeper('api').service, 1);
      await rig.runtime.awaitReady(sleeper('api').service, 1, 30_000, never);
    });

    it('that cannot be built says where and why', async () => {
      rig.declare([
        built('api', 'FROM busybox\nRUN true\nRUN echo the flux is missing; exit 3\n'),
        built('web', 'FROM busybox\nRUN sleep 5; true\n'),
      ]);
      const [failure] = await failuresOf(rig.runtime.build(['api', 'web'], never));
      expect(failure, failure?.message).toMatchObject({ fault: 'service', code: 'BUILD_FAILED' });
      expect(failure?.message).toContain('service "api" could not be built (Dockerfile:3)');
      expect(failure?.evidence?.join('\n')).toContain('the flux is missing');
    });

    it('from another that is not there names that one', async () => {
      rig.declare([built('api', 'FROM camp.invalid/base:1\n')]);
      const [failure] = await failuresOf(rig.runtime.build(['api'], never));
      expect(failure, failure?.message).toMatchObject({ fault: 'machine', code: 'IMAGE_MISSING' });
      expect(failure?.hints[0]).toBe('docker pull camp.invalid/base:1');
    });
  });

  it('follows Docker where the file has a restart policy', async () => {
    const one = steerable('api', '', {}, { restart: 'always' }, { restart: 'always' });
    await rig.up([one]);
    const { pids } = rig.runtime.replicas()[0] ?? expect.fail();
    const address = rig.runtime.replicas()[0]?.endpoints[0]?.address;
    await fetch(`http://${address}/exit`);
    await until(() => state() === 'ready' && rig.runtime.replicas()[0]?.pids[0] !== pids[0], 'ready again');
    expect((await api.inspectContainer(await rig.containerOf('api')))?.restartCount).toBe(1);
  });

  it("blames nobody for failing while what it depends on is on its way, and then waits for none of Docker's pauses", async () => {
    const start = "fetch('http://db:8080').then(() => import('/rig/steerable.mjs'), () => process.exit(1))";
    const late = 'until [ -e /go ]; do sleep 0.1; done; exec node /rig/steerable.mjs';
    const db = steerable('db', '', {}, {}, { command: ['sh', '-c', late] });
    const one = steerable(
      'api',
      '',
      {},
      { dependsOn: new Map([['db', 'service_started']]) },
      { restart: 'always', depends_on: ['db'], command: ['node', '-e', start] },
    );
    const up = rig.up([db, one]);
    const isInLongPause = async (): Promise<boolean> => {
      if (states().filter((line) => line === 'api:1 backing-off').length < 6) return false;
      const seen = await api.inspectContainer(await rig.containerOf('api'));
      return seen?.status === 'restarting' && seen.restartCount >= 7;
    };
    await until(isInLongPause, 'Docker pauses for 13 s', 40_000);
    await api.exec(await rig.containerOf('db'), ['touch', '/go']);
    await up;
    // its count begins anew when somebody else starts the container
    expect(states()).not.toContain('api:1 crash-loop');
    expect((await api.inspectContainer(await rig.containerOf('api')))?.restartCount).toBe(0);
  });

  it('starts what has failed for want of another as soon as that is ready', async () => {
    const waits = 'until [ -f /go ]; do sleep 0.1; done; exec node /rig/steerable.mjs';
    const db = steerable('db', '', {}, {}, { command: ['sh', '-c', waits] });
    const one = sleeper('api', shell('wget -qO- http://db:8080/ || exit 1; sleep 1000'), {
      dependsOn: new Map([['db', 'service_started']]),
    });
    const ready = async (): Promise<void> => {
      const pause = (): number | undefined => {
        const now = rig.runtime.replicas().find(({ service }) => service === 'api')?.state;
        return now?.at === 'backing-off' ? now.attempt : undefined;
      };
      await until(() => pause() === 7, 'a pause of more than five seconds');
      await api.exec(await rig.containerOf('db'), ['touch', '/go']);
      await until(() => state() === 'ready', 'it is ready', 4000);
    };
    await Promise.all([rig.up([db, one]), ready()]);
  });

  it('leaves what ran to its end alone', async () => {
    const one = sleeper('seed', { command: 'true' });
    await rig.up([one]);
    expect(states()).toEqual(['seed:1 starting', 'seed:1 exited']);
    expect(await rig.runtime.observe(never)).toMatchObject([{ isRunning: false, hasCompleted: true }]);
  });

  it('shows lines of a container with a terminal, too', async () => {
    await rig.up([sleeper('api', shell('echo one; echo two; sleep 1000', { tty: true }))]);
    await until(() => lines().length >= 2, 'its lines');
    expect(lines()).toEqual(['one', 'two']);
  });

  it('starts by Compose what only Compose can start: files that it writes', async () => {
    const one = sleeper(
      'api',
      { configs: ['greeting'], command: ['sh', '-c', 'cat /greeting; sleep 1000'] },
      {
        container: { networks: ['default'], needsCompose: true },
      },
    );
    await rig.up([one], { configs: { greeting: { content: 'good day\n' } } });
    await until(() => lines().length >= 1, 'its line');
    expect(lines()).toEqual(['good day']);
  });

  it('ends dependents before what they depend on', async () => {
    const log = (text: string): Readonly<Record<string, unknown>> =>
      shell(`trap 'echo ${text} ends; exit 0' TERM; while true; do sleep 0.05; done`, { stop_grace_period: '5s' });
    const patient = { stop: { signal: 'SIGTERM', graceMs: 5000 } } as const;
    await rig.up([
      sleeper('api', { ...log('api'), depends_on: ['db'] }, patient),
      sleeper('db', log('db'), patient),
      sleeper('web', { ...log('web'), depends_on: ['api'] }, patient),
    ]);
    await rig.runtime.shutdown(never);
    expect(lines()).toEqual(['web ends', 'api ends', 'db ends']);
  });

  it('runs the edge beside them', async () => {
    const edge = {
      service: 'camp-edge',
      image: 'busybox',
      ports: [],
      networks: ['default'],
      mounts: [{ source: rig.folder, target: '/camp', readOnly: true }],
      tmpfs: ['/run'],
      workingDir: '/camp',
      command: ['sleep', '1000'],
      sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
    };
    rig.declare([sleeper('api')], {}, edge);
    await rig.runtime.create({ services: ['api'], replaced: [], edge: true }, never);
    const container = rig.runtime.edgeContainer();
    await container.start(never);
    expect(container.pid).toBeGreaterThan(1);
    expect(
      await container.exec(
        ['sh', '-c', 'pwd; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat'],
        'from stdin',
        never,
      ),
    ).toEqual({
      exitCode: 0,
      output: '/camp\n0\nfrom stdin',
    });
    expect((await rig.runtime.observe(never)).map((one) => one.service)).toEqual(['api']);
    await container.stop();
    expect(await rig.containers()).toEqual([`${rig.name}-api-1`]);
  });
});
