import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Emit, Ms } from '../../kit/events.ts';
import { failuresOf } from '../../kit/failure.ts';
import type { Steps } from '../../plan/types.ts';
import type { Begun, ComposeCli, ComposeModel, ComposeProject } from './compose.ts';
import { absentImages, provideImages, refuseStrangers, type WantedImages } from './create.ts';
import { endContainer } from './end.ts';
import type { Api, Compose, ContainerDetail, ContainerSummary, CreationRequest } from './engine/types.ts';
import { composeLabels, isEdge, isOneOff, roleLabel, serviceOf } from './labels.ts';
import { type Networks, networksOf } from './networks.ts';
import { guardOf, overrideOf } from './override.ts';
import type { Found, OwnContainers } from './own-containers.ts';
import type { ContainerWish, EdgeWish, Expected } from './types.ts';
import { type Created, upArgs } from './up-args.ts';
import { createVolumes } from './volumes.ts';

export interface CreationSetup {
  readonly api: Api;
  readonly cli: ComposeCli;
  compose(signal: AbortSignal): Promise<Compose>;
  readonly project: ComposeProject;
  /** The files as Compose would read them. */
  model(): ComposeModel;
  readonly containers: OwnContainers;
  readonly emit: Emit;
  wishes(): readonly ContainerWish[];
  edgeWish(): EdgeWish | undefined;
  isEdgeStale(found: ContainerSummary | undefined): boolean;
  /** Lets go of the replicas whose containers Compose is about to replace. */
  release(services: readonly string[]): Promise<void>;
  beforeRemoval(container: ContainerDetail): void;
  /** May be told twice of the same. */
  onEdgeMade(container: Pick<ContainerSummary, 'id' | 'labels'>): void;
}

/** What Compose does to the containers of a project. */
export interface Creation {
  /**
   * Looks and starts Compose for a `create` step that is about to come, as both take a while. Changes nothing: Compose
   * waits for the step itself. `undefined`: none is to come.
   */
  foresee(expected: Expected | undefined): void;
  /** Throws PROJECT_NAME_TAKEN, IMAGE_MISSING, DISK_FULL (machine). Nothing is started. Returns what there is then. */
  create(step: Steps['create'], signal: AbortSignal): Promise<readonly Found[]>;
  /** Starts the containers of a service that the engine alone cannot start. */
  start(service: string): Promise<void>;
}

/** What there is before anything is created. */
interface Seen {
  readonly ours: readonly ContainerSummary[];
  /** Of Compose's project of this name, whoever made them. */
  readonly named: readonly ContainerSummary[];
  readonly networks: Networks;
  /** Services whose image is not here. */
  readonly imageless: readonly string[];
  readonly composeVersion: string;
}

/** A `create` step that has begun before its time. */
interface Foreseen {
  readonly expected: Expected;
  readonly seen: Promise<Seen>;
  readonly up: Begun;
}

/** What a Compose that was just creating may still take. */
const outlivedMs: Ms = 500;

/** Creates containers through Compose, of its files and of what is wished beyond them. */
export function containerCreation(setup: CreationSetup): Creation {
  const { api, cli, project, containers, emit } = setup;
  let foreseen: Foreseen | undefined;

  async function look(
    services: readonly string[],
    edge: Expected['edge'] | undefined,
    signal: AbortSignal,
  ): Promise<Seen> {
    const model = setup.model();
    const [ours, named, networks, imageless, compose] = await Promise.all([
      containers.all(signal),
      api.listContainers([`${composeLabels.project}=${project.name}`], { signal }),
      networksOf(api, project, model, edge?.networks),
      absentImages(api, imagesOf(model, services, edge).images),
      setup.compose(signal),
    ]);
    return { ours, named, networks, imageless, composeVersion: compose.version };
  }

  /** What camp adds to the project's files. */
  const override = (model: ComposeModel, networks: readonly string[]): string =>
    overrideOf(project.id, setup.wishes(), setup.edgeWish(), networks, elsewhere(model));

  /** Services with volumes that run without a container. */
  function elsewhere(model: ComposeModel): readonly string[] {
    const contained = new Set([...setup.wishes().map(({ service }) => service.name), setup.edgeWish()?.service]);
    return Object.entries(model.services).flatMap(([name, { volumes = [] }]) =>
      contained.has(name) || !volumes.some(({ type }) => type === 'volume') ? [] : [name],
    );
  }

  function foresee(expected: Expected | undefined): void {
    foreseen?.up.end();
    foreseen = undefined;
    if (!expected) return;
    const { services, edge } = expected;
    const seen = look(
      services.map(({ service }) => service),
      edge,
      never,
    );
    seen.catch(() => undefined); // told to the step itself
    const args = upArgs([...services, { service: edge.service }], '--no-recreate');
    foreseen = { expected, seen, up: cli.begin(args, guardOf(edge)) };
  }

  async function create(step: Steps['create'], signal: AbortSignal): Promise<readonly Found[]> {
    const edge = step.edge ? setup.edgeWish() : undefined;
    const begun = foreseen && isExpected(step, edge, foreseen.expected) ? foreseen : undefined;
    try {
      const seen = (await begun?.seen) ?? (await look(step.services, edge, signal));
      return await createOf(step, edge, seen, begun?.up, signal);
    } finally {
      foresee(undefined);
    }
  }

  async function createOf(
    step: Steps['create'],
    edge: EdgeWish | undefined,
    seen: Seen,
    begun: Begun | undefined,
    signal: AbortSignal,
  ): Promise<readonly Found[]> {
    const model = setup.model();
    await refuseStrangers(api, project, seen.named, model, step.services);
    const text = override(model, seen.networks.own);
    cli.writeOverride(text);
    const renamed = seen.ours.filter((one) => one.labels[composeLabels.project] !== project.name && !isOneOff(one));
    await Promise.all([
      createVolumes(api, project, model, step.services, seen.composeVersion),
      ...renamed.map((one) => endContainer(api, one.id, undefined, never, setup.beforeRemoval)),
    ]);
    if (seen.imageless.length > 0)
      await provideImages(api, cli, imagesOf(model, step.services, edge), seen.imageless, emit, signal);
    // the edge's container is replaced as soon as anything about it differs; it is quickly back
    const replaced = [...step.replaced, ...(edge && setup.isEdgeStale(seen.ours.find(isEdge)) ? [edge.service] : [])];
    const missing = [...step.services, ...(edge ? [edge.service] : [])].filter((name) => !replaced.includes(name));
    await setup.release(step.replaced);
    const there = seen.ours.length > renamed.length ? await containers.list(signal) : [];
    await composeUp(upArgs(createdOf(replaced, there), '--force-recreate'), undefined, signal);
    const args = upArgs(createdOf(missing, there), '--no-recreate');
    const isAhead = begun !== undefined && isDeepStrictEqual(args, begun.args);
    const isFresh = seen.ours.length + seen.named.length === 0 && !seen.networks.isAnyThere;
    const inputs = isFresh ? { model, compose: seen.composeVersion } : undefined;
    const onMade = ({ body }: CreationRequest, id: string): void => {
      if (body.Labels?.[roleLabel] === 'edge') setup.onEdgeMade({ id, labels: body.Labels });
    };
    await composeUp(args, isAhead ? () => begun.go(text, { inputs, signal, onMade }) : undefined, signal);
    const named = await containers.nameByIndex(signal);
    if (edge && named.edge) setup.onEdgeMade(named.edge);
    return named.found;
  }

  function createdOf(services: readonly string[], there: readonly Found[]): readonly Created[] {
    return services.map((service) => {
      const wish = setup.wishes().find((one) => one.service.name === service);
      // containers that are too many are drained before they are removed: not by Compose
      const count = there.filter((one) => serviceOf(one.container) === service).length;
      return wish ? { service, replicas: Math.max(wish.replicas, count) } : { service };
    });
  }

  async function composeUp(
    args: readonly string[],
    ahead: (() => Promise<unknown>) | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (args.length === 0) return;
    const up = (): Promise<unknown> => cli.run(args, { signal });
    await (ahead ?? up)().catch(async (error: unknown) => {
      // a Compose that outlives a camp which was killed has just made it: it is there the next time
      if (!failuresOf(error).some((one) => one.code === 'NAME_TAKEN')) throw error;
      await delay(outlivedMs, undefined, { signal });
      await up();
    });
  }

  async function start(service: string): Promise<void> {
    const { signal } = new AbortController();
    const model = setup.model();
    const networks = await networksOf(api, project, model, setup.edgeWish()?.networks);
    cli.writeOverride(override(model, networks.own));
    const count = (await containers.list()).filter((one) => serviceOf(one.container) === service).length;
    const scale = ['--scale', `${service}=${Math.max(1, count)}`];
    await cli.run(['up', '-d', '--no-deps', '--no-build', '--no-recreate', ...scale, service], { signal });
  }

  return { foresee, create, start };
}

/** Whether what was looked at ahead is all that there is to look at. */
function isExpected({ services, replaced }: Steps['create'], edge: EdgeWish | undefined, expected: Expected): boolean {
  const names = expected.services.map(({ service }) => service);
  return (
    replaced.length === 0 &&
    isDeepStrictEqual(services.toSorted(), names.toSorted()) &&
    edge?.image === expected.edge.image &&
    isDeepStrictEqual(edge.networks, expected.edge.networks)
  );
}

function imagesOf(model: ComposeModel, services: readonly string[], edge: Expected['edge'] | undefined): WantedImages {
  const images = new Map<string, string>();
  const neverPulled = new Set<string>();
  for (const name of services) {
    const service = model.services[name];
    if (!service?.image || service.build) continue;
    images.set(name, service.image);
    if (service.pull_policy === 'never') neverPulled.add(name);
  }
  if (edge) images.set(edge.service, edge.image);
  return { images, neverPulled };
}

const never = new AbortController().signal;
