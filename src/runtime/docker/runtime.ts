import { isAbsolute, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Ms } from '../../kit/events.ts';
import { fail, failuresOf } from '../../kit/failure.ts';
import type { ObservedReplica, Steps } from '../../plan/types.ts';
import type { Service } from '../../project/types.ts';
import type { ReplicaView } from '../types.ts';
import { buildImages, type DockerfileOf } from './build.ts';
import { withoutState } from './build-context.ts';
import { type ComposeModel, type ComposeProject, composeCli, whileItLives } from './compose.ts';
import { provideImages, refuseStrangers } from './create.ts';
import { createEdgeContainer } from './edge-container.ts';
import { endContainer } from './end.ts';
import { refusalOf } from './engine/failures.ts';
import type { Compose, ContainerDetail, ContainerSummary, Engine } from './engine/types.ts';
import { EngineWatch } from './engine-watch.ts';
import { isNetworkGone } from './failures.ts';
import { indicesOf } from './indices.ts';
import { composeLabels, configLabel, isEdge, isOneOff, numberOf, projectLabel, serviceOf } from './labels.ts';
import { removeContainers } from './leftovers.ts';
import { overrideOf } from './override.ts';
import { ContainerReplica, type ReplicaSpec, type ReplicaSurroundings } from './replica.ts';
import type { ContainerWish, DockerRuntime, EdgeWish } from './types.ts';
import { createVolumes, recordVolumes } from './volumes.ts';

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
}

interface Found {
  readonly container: ContainerSummary;
  readonly index: number;
}

const restartReadyMs: Ms = 30_000;
/** What a Compose that was just creating may still take. */
const outlivedMs: Ms = 500;

/** Compose builds and creates; the engine's API starts, watches and ends. */
export function createDockerRuntime(setup: DockerSetup): DockerRuntime {
  const { engine, project, emit } = setup;
  const { api } = engine;
  const cli = composeCli(setup);
  const ownLabel = `${projectLabel}=${project.id}`;
  const replicas = new Map<string, ContainerReplica>();
  /** Indices stay with their containers as long as this runtime lives. */
  const indices = new Map<string, number>();
  let wishes: readonly ContainerWish[] = [];
  let edgeWish: EdgeWish | undefined;
  let watch: EngineWatch | undefined;

  const around: ReplicaSurroundings = {
    api,
    isLocalLinux: engine.isLocalLinux,
    clock: setup.clock,
    emit,
    boot,
    engineIsBack: (signal) => watchEngine().whenOpen(signal),
    beforeRemoval,
    pressure: setup.pressure,
  };

  const edge = createEdgeContainer({
    api,
    isLocalLinux: engine.isLocalLinux,
    wish: () => edgeWish,
    find: async () => (await api.listContainers([ownLabel])).find(isEdge),
    create: (signal) => create({ services: [], replaced: [], edge: true }, signal),
    beforeRemoval,
  });

  function beforeRemoval(container: ContainerDetail): void {
    recordVolumes(setup.stateDir, container);
  }

  function watchEngine(): EngineWatch {
    watch ??= new EngineWatch(api, project.id, {
      // our own probes are events, too
      event: ({ id, action }) => void (action.startsWith('exec_') || lookAt(id)),
      begin: () => {
        for (const replica of replicas.values()) void look(replica);
      },
      lost: (error) => emit({ type: 'note', message: `${failuresOf(error)[0]?.message}: waiting for it` }),
    });
    return watch;
  }

  async function lookAt(id: string): Promise<void> {
    for (const replica of replicas.values()) if (replica.spec.containerId === id) await look(replica);
  }

  /** An engine that goes away meanwhile is noticed by the stream of events, which begins anew then. */
  const look = (replica: ContainerReplica): Promise<void> => replica.look().catch(() => undefined);

  /** This project's containers of services, one a replica; those under a name of Compose that is no longer ours are not. */
  async function ownContainers(signal?: AbortSignal): Promise<readonly Found[]> {
    const all = await api.listContainers([ownLabel], signal ? { signal } : {});
    const own = all.filter(
      (one) => one.labels[composeLabels.project] === project.name && !isEdge(one) && !isOneOff(one),
    );
    const found: Found[] = [];
    for (const [, containers] of Map.groupBy(own, serviceOf)) {
      const numbered = containers.map((one) => ({ id: one.id, number: numberOf(one) }));
      const given = indicesOf(numbered, indices);
      for (const container of containers) {
        const index = given.get(container.id) ?? 0;
        indices.set(container.id, index);
        found.push({ container, index });
      }
    }
    return found;
  }

  function wishOf(service: string): ContainerWish | undefined {
    return wishes.find((one) => one.service.name === service);
  }

  function dockerfileOf(service: string): ReturnType<DockerfileOf> {
    const { build } = wishOf(service)?.service ?? {};
    const path = build && isAbsolute(build.context) && resolve(build.context, build.dockerfile ?? 'Dockerfile');
    return path ? { path, shown: relative(project.dir, path) } : undefined;
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
    const { signal } = new AbortController();
    await prepare(setup.model());
    const count = (await ownContainers()).filter((one) => serviceOf(one.container) === service.name).length;
    const scale = ['--scale', `${service.name}=${Math.max(1, count)}`];
    await cli.run(['up', '-d', '--no-deps', '--no-build', '--no-recreate', ...scale, service.name], { signal });
  }

  /** Writes what camp adds to the project's files. */
  async function prepare(model: ComposeModel): Promise<void> {
    const networks = new Map(Object.entries(model.networks));
    for (const name of edgeWish?.networks ?? [])
      if (!networks.has(name)) networks.set(name, { name: `${project.name}_${name}` });
    const own = await Promise.all(
      [...networks].map(async ([key, network]) => {
        if (network.external) return undefined;
        const existing = await api.inspectNetwork(network.name);
        // another label would make Compose replace a network that is not ours to remove
        return !existing || existing.labels[projectLabel] === project.id ? key : undefined;
      }),
    );
    const names = own.flatMap((key) => key ?? []);
    cli.writeOverride(overrideOf(project.id, wishes, edgeWish, names));
  }

  async function create(step: Steps['create'], signal: AbortSignal): Promise<void> {
    const model = setup.model();
    const [ours, named] = await Promise.all([
      api.listContainers([ownLabel], { signal }),
      api.listContainers([`${composeLabels.project}=${project.name}`], { signal }),
    ]);
    await refuseStrangers(api, project, named, model, step.services);
    const edgeName = step.edge ? edgeWish?.service : undefined;
    const { version } = await setup.compose(signal);
    await Promise.all([
      prepare(model),
      createVolumes(api, project, model, step.services, version),
      ...ours
        .filter((one) => one.labels[composeLabels.project] !== project.name && !isOneOff(one))
        .map((one) => endContainer(api, one.id, undefined, never, beforeRemoval)),
    ]);
    const { images, neverPulled } = imagesOf(model, step, edgeName);
    await provideImages(api, cli, images, neverPulled, emit, signal);
    const replaced = [...step.replaced, ...(await edgeToReplace(edgeName))];
    const missing = [...step.services.filter((name) => !step.replaced.includes(name)), ...(edgeName ? [edgeName] : [])];
    await release(step.replaced);
    await composeUp(replaced, '--force-recreate', signal);
    await composeUp(
      missing.filter((name) => !replaced.includes(name)),
      '--no-recreate',
      signal,
    );
    await nameByIndex(await ownContainers(signal));
  }

  /** An edge in a container reaches replicas by name: after a gap in Compose's numbers the name would be another's. */
  async function nameByIndex(found: readonly Found[]): Promise<void> {
    await Promise.all(
      found.map(async ({ container, index }) => {
        const stem = `${project.name}-${serviceOf(container)}-`;
        const isNumbered = container.name.startsWith(stem) && /^\d+$/.test(container.name.slice(stem.length));
        if (!isNumbered || container.name === `${stem}${index}`) return;
        await api.renameContainer(container.id, `${stem}${index}`).catch((error: unknown) => {
          // another has that name at the moment: it is only a name
          if (!refusalOf(error)) throw error;
        });
      }),
    );
  }

  /** The edge's container is replaced as soon as anything about it differs; it is quickly back. */
  async function edgeToReplace(name: string | undefined): Promise<readonly string[]> {
    return name !== undefined && (await edge.isStale()) ? [name] : [];
  }

  async function composeUp(services: readonly string[], how: string, signal: AbortSignal): Promise<void> {
    if (services.length === 0) return;
    const found = await ownContainers(signal);
    const scales = services.flatMap((name) => {
      const wish = wishOf(name);
      if (!wish) return [];
      // containers that are too many are drained before they are removed: not by Compose
      const there = found.filter((one) => serviceOf(one.container) === name).length;
      return ['--scale', `${name}=${Math.max(wish.replicas, there)}`];
    });
    const up = (): Promise<unknown> =>
      cli.run(['up', '--no-start', '--no-deps', '--no-build', how, '--pull', 'missing', ...scales, ...services], {
        signal,
      });
    await up().catch(async (error: unknown) => {
      // a Compose that outlives a camp which was killed has just made it: it is there the next time
      if (!failuresOf(error).some((one) => one.code === 'NAME_TAKEN')) throw error;
      await delay(outlivedMs, undefined, { signal });
      await up();
    });
  }

  /** Replicas whose containers Compose is about to replace. */
  async function release(services: readonly string[]): Promise<void> {
    const released = [...replicas].filter(([, replica]) => services.includes(replica.spec.service.name));
    for (const [id] of released) replicas.delete(id);
    await Promise.all(released.map(([, replica]) => replica.release()));
  }

  function imagesOf(
    model: ComposeModel,
    { services }: Steps['create'],
    edgeName: string | undefined,
  ): { readonly images: ReadonlyMap<string, string>; readonly neverPulled: ReadonlySet<string> } {
    const images = new Map<string, string>();
    const neverPulled = new Set<string>();
    for (const name of services) {
      const service = model.services[name];
      if (!service?.image || service.build) continue;
      images.set(name, service.image);
      if (service.pull_policy === 'never') neverPulled.add(name);
    }
    if (edgeName !== undefined && edgeWish) images.set(edgeName, edgeWish.image);
    return { images, neverPulled };
  }

  async function find(service: string, index: number): Promise<Found | undefined> {
    return (await ownContainers()).find((one) => serviceOf(one.container) === service && one.index === index);
  }

  async function start(service: Service, index: number): Promise<void> {
    const id = `${service.name}:${index}`;
    const found = (await find(service.name, index)) ?? noContainer(service.name, index);
    await replicas.get(id)?.release();
    const replica = replicaOf(service, found);
    replicas.set(id, replica);
    try {
      await replica.start();
    } catch (error) {
      replicas.delete(id);
      if (!isNetworkGone(error)) throw error;
      await create({ services: [service.name], replaced: [service.name], edge: false }, never);
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
    const found = await find(service.name, index);
    return (found && (await adoptOne(service, found))) ?? noContainer(service.name, index);
  }

  return {
    engine,

    want(services, wanted) {
      wishes = services;
      edgeWish = wanted;
    },

    async observe(signal) {
      const found = await ownContainers(signal);
      return Promise.all(found.map((one) => observed(one, signal)));
    },

    build(services, signal) {
      const built = services.flatMap((name) => wishOf(name)?.service ?? []);
      const more = withoutState(built, setup.stateDir, setup.runDir);
      return buildImages(cli, services, more, dockerfileOf, emit, signal);
    },
    create,

    start,

    async awaitReady(service, index, deadlineMs, signal) {
      const replica = await theReplica(service, index);
      await whileItLives(engine, signal, (both) => replica.awaitReady(deadlineMs, both));
    },

    async stop(service, index) {
      const id = `${service}:${index}`;
      const replica = replicas.get(id);
      const found = replica ? undefined : await find(service, index);
      if (found) await endContainer(api, found.container.id, undefined, never, beforeRemoval);
      await replica?.stop();
      indices.delete(replica?.spec.containerId ?? found?.container.id ?? '');
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
      const found = await ownContainers(signal);
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

    async shutdown(force) {
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
        indices.clear();
      }
    },
  };

  async function observed({ container, index }: Found, signal: AbortSignal): Promise<ObservedReplica> {
    const service = serviceOf(container);
    const replica = replicas.get(`${service}:${index}`);
    const isRunning = container.status === 'running' || container.status === 'restarting';
    const hasCompleted = container.status === 'exited' && (await isCompleted(container.id, service, signal));
    return {
      service,
      index,
      configHash: container.labels[configLabel] ?? '',
      runtime: 'container',
      // what is about to be started again after a pause counts as running, as with processes
      isRunning: isRunning || (container.status === 'exited' && replica?.state.at === 'backing-off'),
      ...(hasCompleted ? { hasCompleted } : {}),
    };
  }

  /** It ended well, and nothing asks for it to go on. */
  async function isCompleted(id: string, service: string, signal: AbortSignal): Promise<boolean> {
    const seen = await api.inspectContainer(id, { signal });
    if (seen?.exitCode !== 0 || seen.status !== 'exited') return false;
    const isOneShot = wishOf(service)?.service.isOneShot ?? false;
    return isOneShot || (seen.restartPolicy.name === 'no' && wishOf(service)?.httpPort === undefined);
  }
}

const never = new AbortController().signal;

function isUp({ status }: ContainerSummary): boolean {
  return status === 'running' || status === 'restarting' || status === 'paused';
}

function viewOf(replica: ContainerReplica): ReplicaView {
  const { spec, state, isRunning, pid, endpoints } = replica;
  return {
    id: replica.id,
    service: spec.service.name,
    index: spec.index,
    configHash: spec.configHash,
    state,
    isRunning,
    pids: pid === undefined ? [] : [pid],
    endpoints,
    graceMs: spec.service.stop.graceMs,
  };
}

function noContainer(service: string, index: number): never {
  return fail('machine', 'CONTAINER_GONE', `the container of ${service}:${index} is not there`, {
    hints: ['camp up'],
  });
}
