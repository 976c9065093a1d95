import { isAbsolute, relative, resolve } from 'node:path';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Ms } from '../../kit/events.ts';
import { failuresOf } from '../../kit/failure.ts';
import type { Service } from '../../project/types.ts';
import { type BuildPlaces, buildImages } from './build.ts';
import { withoutState } from './build-context.ts';
import { type ComposeModel, type ComposeProject, composeCli, whileItLives } from './compose.ts';
import { containerCreation } from './creation.ts';
import { createEdgeContainer } from './edge-container.ts';
import { endContainer } from './end.ts';
import { refusalOf } from './engine/failures.ts';
import type { Compose, ContainerDetail, ContainerSummary, Engine } from './engine/types.ts';
import { EngineWatch } from './engine-watch.ts';
import { isNetworkGone, refuseGone } from './failures.ts';
import { configLabel, serviceOf } from './labels.ts';
import { removeContainers } from './leftovers.ts';
import { observed, viewOf } from './observed.ts';
import { oneOffIn } from './one-off.ts';
import { type Found, ownContainers } from './own-containers.ts';
import { recordingsIn } from './recording.ts';
import { ContainerReplica, type ReplicaSpec, type ReplicaSurroundings } from './replica.ts';
import type { ContainerWish, DockerRuntime, EdgeWish } from './types.ts';
import { recordVolumes } from './volumes.ts';
import type { Waiting } from './waiting.ts';

export interface DockerSetup {
  readonly engine: Engine;
  /** Asked when it is needed first: a project that needs nothing new never does. */
  compose(signal: AbortSignal): Promise<Compose>;
  readonly project: ComposeProject;
  /** The files as Compose would read them. */
  model(): ComposeModel;
  /** For files that live as long as the project runs. */
  readonly runDir: string;
  /** For what is remembered longer: the names of anonymous volumes. */
  readonly stateDir: string;
  readonly ownEnv: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
  readonly ahead?: Waiting | undefined;
}

const restartReadyMs: Ms = 30_000;

/** Compose builds and creates; the engine's API starts, watches and ends. */
export function createDockerRuntime(setup: DockerSetup): DockerRuntime {
  const { engine, project, emit } = setup;
  const { api } = engine;
  const cli = composeCli({ ...setup, recordings: recordingsIn(setup.stateDir, () => project.files) });
  const containers = ownContainers(api, project);
  const replicas = new Map<string, ContainerReplica>();
  /** Just created: where `start` finds its container without asking. */
  const made = new Map<string, Found>();
  let wishes: readonly ContainerWish[] = [];
  let edgeWish: EdgeWish | undefined;
  let watch: EngineWatch | undefined;
  /** What was observed last: a plan that is carried out has just been made of it. */
  let lately: readonly Found[] | undefined;

  const around: ReplicaSurroundings = {
    api,
    isLocalLinux: engine.isLocalLinux,
    projectDir: project.dir,
    clock: setup.clock,
    emit,
    boot,
    engineIsBack: (signal) => watchEngine().whenOpen(signal),
    awaitsOthers: ({ dependsOn }) =>
      [...replicas.values()].some((one) => one.isOnItsWay && dependsOn.has(one.spec.service.name)),
    beforeRemoval,
    pressure: setup.pressure,
  };

  const edge = createEdgeContainer({
    api,
    isLocalLinux: engine.isLocalLinux,
    wish: () => edgeWish,
    find: () => containers.edge(),
    create: async (signal) => void (await creation.create({ services: [], replaced: [], edge: true }, signal)),
    beforeRemoval,
  });

  const creation = containerCreation({
    api,
    cli,
    compose: (signal) => setup.compose(signal),
    project,
    model: () => setup.model(),
    containers,
    emit,
    wishes: () => wishes,
    edgeWish: () => edgeWish,
    isEdgeStale: (found) => edge.isStale(found),
    release,
    beforeRemoval,
    onEdgeMade: (container) => edge.onMade(container),
  });

  function beforeRemoval(container: ContainerDetail): void {
    recordVolumes(setup.stateDir, container);
  }

  function watchEngine(): EngineWatch {
    watch ??= new EngineWatch(api, project.id, {
      // our own probes are events, too
      event: ({ id, action }) => void (action.startsWith('exec_') || lookAt(id, action)),
      begin: () => {
        for (const replica of replicas.values()) if (!replica.isBooting) void look(replica);
      },
      lost: (error) => emit({ type: 'note', message: `${failuresOf(error)[0]?.message}: waiting for it` }),
    });
    return watch;
  }

  async function lookAt(id: string, action: string): Promise<void> {
    for (const replica of replicas.values())
      if (replica.spec.containerId === id && !(action === 'start' && replica.isBooting)) await look(replica);
  }

  /** An engine that goes away meanwhile is noticed by the stream of events, which begins anew then. */
  const look = (replica: ContainerReplica): Promise<void> => replica.look().catch(() => undefined);

  function wishOf(service: string): ContainerWish | undefined {
    return wishes.find((one) => one.service.name === service);
  }

  function buildPlacesOf(name: string): BuildPlaces {
    const { build, source: entry } = wishOf(name)?.service ?? {};
    const path = build && isAbsolute(build.context) && resolve(build.context, build.dockerfile ?? 'Dockerfile');
    return { entry, dockerfile: path ? { path, shown: relative(project.dir, path) } : undefined };
  }

  function replicaOf(service: Service, { container, index }: Found): ContainerReplica {
    const spec: ReplicaSpec = {
      service,
      index,
      configHash: container.labels[configLabel] ?? '',
      containerId: container.id,
      httpPort: wishOf(service.name)?.httpPort,
      isHealthAwaited: wishes.some((one) => one.service.dependsOn.get(service.name) === 'service_healthy'),
    };
    watchEngine();
    return new ContainerReplica(spec, around);
  }

  async function boot({ service, containerId }: ReplicaSpec): Promise<void> {
    if (!service.container?.needsCompose) {
      return api.startContainer(containerId).catch((error: unknown) => {
        if (/paused/.test(refusalOf(error)?.message ?? '')) return api.unpauseContainer(containerId);
        throw error;
      });
    }
    await creation.start(service.name);
  }

  /** Replicas whose containers Compose is about to replace. */
  async function release(services: readonly string[]): Promise<void> {
    const released = [...replicas].filter(([, replica]) => services.includes(replica.spec.service.name));
    for (const [id] of released) replicas.delete(id);
    await Promise.all(released.map(([, replica]) => replica.release()));
  }

  async function start(service: Service, index: number): Promise<void> {
    const id = `${service.name}:${index}`;
    const found =
      made.get(id) ?? (await containers.find(service.name, index)) ?? refuseGone(`${service.name}:${index}`);
    made.delete(id);
    await replicas.get(id)?.release();
    const replica = replicaOf(service, found);
    replicas.set(id, replica);
    try {
      await replica.start();
    } catch (error) {
      replicas.delete(id);
      if (!isNetworkGone(error)) throw error;
      await creation.create({ services: [service.name], replaced: [service.name], edge: false }, never);
      await start(service, index);
    }
  }

  async function adoptOne(service: Service, found: Found): Promise<ContainerReplica | undefined> {
    const id = `${service.name}:${found.index}`;
    const seen = await api.inspectContainer(found.container.id);
    if (!seen || replicas.has(id)) return replicas.get(id);
    const replica = replicaOf(service, found);
    replicas.set(id, replica);
    replica.adopt(seen);
    return replica;
  }

  async function theReplica(service: Service, index: number): Promise<ContainerReplica> {
    const known = replicas.get(`${service.name}:${index}`);
    if (known) return known;
    const found = await containers.find(service.name, index);
    return (found && (await adoptOne(service, found))) ?? refuseGone(`${service.name}:${index}`);
  }

  return {
    engine,

    want(services, wanted) {
      wishes = services;
      edgeWish = wanted;
    },

    async observe(signal) {
      lately = await containers.list(signal);
      return Promise.all(
        lately.map((one) => {
          const service = serviceOf(one.container);
          return observed(api, one, replicas.get(`${service}:${one.index}`), wishOf(service), signal);
        }),
      );
    },

    build(services, signal) {
      const built = services.flatMap((name) => wishOf(name)?.service ?? []);
      const more = withoutState(built, setup.stateDir, setup.runDir);
      return buildImages(cli, services, more, buildPlacesOf, emit, signal);
    },
    foresee: creation.foresee,
    async create(step, signal) {
      for (const found of await creation.create(step, signal))
        made.set(`${serviceOf(found.container)}:${found.index}`, found);
    },

    start,

    async awaitReady(service, index, deadlineMs, signal) {
      const replica = await theReplica(service, index);
      await whileItLives(engine, signal, (both) => replica.awaitReady(deadlineMs, both));
    },

    async stop(service, index) {
      const id = `${service}:${index}`;
      const replica = replicas.get(id);
      const found = replica ? undefined : await containers.find(service, index);
      if (found) await endContainer(api, found.container.id, undefined, never, beforeRemoval);
      await replica?.stop();
      containers.forget(replica?.spec.containerId ?? found?.container.id ?? '');
      replicas.delete(id);
    },

    async restart(service, signal) {
      for (const replica of [...replicas.values()].filter((one) => one.spec.service.name === service)) {
        await replica.restart();
        signal.throwIfAborted();
        await whileItLives(engine, signal, (both) => replica.awaitReady(restartReadyMs, both));
      }
    },

    replicas: () => [...replicas.values()].map(viewOf),

    async adopt(signal) {
      const found = lately ?? (await containers.list(signal));
      lately = undefined;
      await Promise.all(
        found.map(async (one) => {
          const wish = wishOf(serviceOf(one.container));
          if (wish && isUp(one.container)) await adoptOne(wish.service, one);
        }),
      );
    },

    containersOf: (service) =>
      [...replicas.values()].flatMap(({ spec }) => (spec.service.name === service ? [spec.containerId] : [])),

    edgeContainer: () => edge,
    command: (args, signal) => cli.command(args, signal),
    oneOff: (service, args, signal) =>
      oneOffIn({ api, cli, project, model: setup.model(), runDir: setup.runDir }, service, args, signal),

    async shutdown(force) {
      creation.foresee(undefined);
      const kill = (): void => {
        for (const replica of replicas.values()) replica.kill();
      };
      if (force.aborted) kill();
      force.addEventListener('abort', kill, { once: true });
      const byContainer = new Map([...replicas.values()].map((one) => [one.spec.containerId, one]));
      try {
        await removeContainers(api, project.id, {
          force,
          beforeRemoval,
          end: ({ id }) => byContainer.get(id)?.stop(),
        });
      } finally {
        force.removeEventListener('abort', kill);
        watch?.close();
        watch = undefined;
        await Promise.all([...replicas.values()].map((one) => one.release()));
        replicas.clear();
        containers.forgetAll();
      }
    },
  };
}

const never = new AbortController().signal;

function isUp({ status }: ContainerSummary): boolean {
  return status === 'running' || status === 'restarting' || status === 'paused';
}
