import { setTimeout as delay } from 'node:timers/promises';
import type { Emit, Ms } from '../../kit/events.ts';
import { failuresOf } from '../../kit/failure.ts';
import type { Steps } from '../../plan/types.ts';
import type { ComposeCli, ComposeModel, ComposeProject } from './compose.ts';
import { provideImages, refuseStrangers } from './create.ts';
import { endContainer } from './end.ts';
import type { Api, Compose, ContainerDetail } from './engine/types.ts';
import { composeLabels, isOneOff, projectLabel, serviceOf } from './labels.ts';
import { overrideOf } from './override.ts';
import type { OwnContainers } from './own-containers.ts';
import type { ContainerWish, EdgeWish } from './types.ts';
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
  isEdgeStale(): Promise<boolean>;
  /** Lets go of the replicas whose containers Compose is about to replace. */
  release(services: readonly string[]): Promise<void>;
  beforeRemoval(container: ContainerDetail): void;
}

/** What Compose does to the containers of a project. */
export interface Creation {
  /** Throws PROJECT_NAME_TAKEN, IMAGE_MISSING, DISK_FULL (machine). Nothing is started. */
  create(step: Steps['create'], signal: AbortSignal): Promise<void>;
  /** Starts the containers of a service that the engine alone cannot start. */
  start(service: string): Promise<void>;
}

/** What a Compose that was just creating may still take. */
const outlivedMs: Ms = 500;

/** Creates containers through Compose, of its files and of what is wished beyond them. */
export function containerCreation(setup: CreationSetup): Creation {
  const { api, cli, project, containers, emit } = setup;

  /** Writes what camp adds to the project's files. */
  async function prepare(model: ComposeModel): Promise<void> {
    const edgeWish = setup.edgeWish();
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
    cli.writeOverride(overrideOf(project.id, setup.wishes(), edgeWish, names));
  }

  async function create(step: Steps['create'], signal: AbortSignal): Promise<void> {
    const model = setup.model();
    const [ours, named] = await Promise.all([
      containers.all(signal),
      api.listContainers([`${composeLabels.project}=${project.name}`], { signal }),
    ]);
    await refuseStrangers(api, project, named, model, step.services);
    const edgeName = step.edge ? setup.edgeWish()?.service : undefined;
    const { version } = await setup.compose(signal);
    await Promise.all([
      prepare(model),
      createVolumes(api, project, model, step.services, version),
      ...ours
        .filter((one) => one.labels[composeLabels.project] !== project.name && !isOneOff(one))
        .map((one) => endContainer(api, one.id, undefined, never, setup.beforeRemoval)),
    ]);
    const { images, neverPulled } = imagesOf(
      model,
      step.services,
      edgeName === undefined ? undefined : setup.edgeWish(),
    );
    await provideImages(api, cli, images, neverPulled, emit, signal);
    const replaced = [...step.replaced, ...(await edgeToReplace(edgeName))];
    const missing = [...step.services.filter((name) => !step.replaced.includes(name)), ...(edgeName ? [edgeName] : [])];
    await setup.release(step.replaced);
    await composeUp(replaced, '--force-recreate', signal);
    await composeUp(
      missing.filter((name) => !replaced.includes(name)),
      '--no-recreate',
      signal,
    );
    await containers.nameByIndex(signal);
  }

  /** The edge's container is replaced as soon as anything about it differs; it is quickly back. */
  async function edgeToReplace(name: string | undefined): Promise<readonly string[]> {
    return name !== undefined && (await setup.isEdgeStale()) ? [name] : [];
  }

  async function composeUp(services: readonly string[], how: string, signal: AbortSignal): Promise<void> {
    if (services.length === 0) return;
    const found = await containers.list(signal);
    const scales = services.flatMap((name) => {
      const wish = setup.wishes().find((one) => one.service.name === name);
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

  async function start(service: string): Promise<void> {
    const { signal } = new AbortController();
    await prepare(setup.model());
    const count = (await containers.list()).filter((one) => serviceOf(one.container) === service).length;
    const scale = ['--scale', `${service}=${Math.max(1, count)}`];
    await cli.run(['up', '-d', '--no-deps', '--no-build', '--no-recreate', ...scale, service], { signal });
  }

  return { create, start };
}

function imagesOf(
  model: ComposeModel,
  services: readonly string[],
  edge: EdgeWish | undefined,
): { readonly images: ReadonlyMap<string, string>; readonly neverPulled: ReadonlySet<string> } {
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
