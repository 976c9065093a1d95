import { join } from 'node:path';
import { makeFolder, readText, writeWhole } from '../../kit/files.ts';
import type { ComposeModel, ModelVolume } from './compose.ts';
import type { Api, ContainerDetail } from './engine/types.ts';
import { composeLabels, projectLabel } from './labels.ts';

export interface Volume {
  readonly name: string;
  /** Bytes; absent where the engine does not say. */
  readonly size?: number;
  /** Without a name in the compose file. */
  readonly isAnonymous: boolean;
}

/** What the compose files say of volumes. */
export interface ComposeVolumes {
  /** The project's, as Compose knows it. */
  readonly name: string;
  /** Names of those that are `external`. */
  readonly external: ReadonlySet<string>;
}

/**
 * Makes the named volumes that are not there yet, with Compose's own labels and the project's: what carries that is
 * the project's to remove with its data. A volume that exists already is used as it is and stays whose it was.
 */
export async function createVolumes(
  api: Api,
  project: { readonly id: string; readonly name: string },
  model: ComposeModel,
  services: readonly string[],
  composeVersion: string,
): Promise<void> {
  const wanted = volumesUsed(model, services);
  if (wanted.size === 0) return;
  const existing = new Set((await api.listVolumes([])).map((one) => one.name));
  await Promise.all(
    [...wanted].map(async ([key, volume]) => {
      if (existing.has(volume.name)) return;
      const labels = {
        ...volume.labels,
        [composeLabels.project]: project.name,
        [composeLabels.volume]: key,
        [composeLabels.version]: composeVersion,
        [projectLabel]: project.id,
      };
      await api.createVolume(volume.name, {
        labels,
        ...(volume.driver === undefined ? {} : { driver: volume.driver }),
        ...(volume.driver_opts === undefined ? {} : { driverOptions: volume.driver_opts }),
      });
    }),
  );
}

function volumesUsed(model: ComposeModel, services: readonly string[]): ReadonlyMap<string, ModelVolume> {
  const found = new Map<string, ModelVolume>();
  for (const service of services)
    for (const { type, source } of model.services[service]?.volumes ?? []) {
      const volume = type === 'volume' && source !== undefined ? model.volumes[source] : undefined;
      if (source !== undefined && volume && !volume.external) found.set(source, volume);
    }
  return found;
}

/** The volumes that are the project's: those that carry its label, and the anonymous ones of containers that it had. */
export async function findVolumes(api: Api, projectId: string, stateDir: string): Promise<readonly Volume[]> {
  const label = `${projectLabel}=${projectId}`;
  const [labelled, all, containers] = await Promise.all([
    api.listVolumes([label]),
    api.listVolumes([]),
    api.listContainers([label]),
  ]);
  const details = await Promise.all(containers.map((one) => api.inspectContainer(one.id)));
  const anonymous = new Set([
    ...recordedVolumes(stateDir),
    ...details.flatMap((one) => (one ? anonymousVolumesOf(one) : [])),
  ]);
  const names = [
    ...labelled.map(({ name }) => ({ name, isAnonymous: false })),
    ...all.filter(({ name }) => anonymous.has(name)).map(({ name }) => ({ name, isAnonymous: true })),
  ];
  if (names.length === 0) return [];
  const sizes = await api.volumeSizes();
  return names.map(({ name, isAnonymous }) => {
    const size = sizes.get(name);
    return { name, isAnonymous, ...(size === undefined ? {} : { size }) };
  });
}

/** Volumes that carry the project's Compose name, or are used as `external`, but that camp has not made: they stay. */
export async function findForeignVolumes(
  api: Api,
  projectId: string,
  { name, external }: ComposeVolumes,
): Promise<readonly string[]> {
  const all = await api.listVolumes([]);
  const foreign = all.filter(
    ({ name: volume, labels }) =>
      labels[projectLabel] !== projectId && (labels[composeLabels.project] === name || external.has(volume)),
  );
  return foreign.map((one) => one.name).sort();
}

/** Removes data. What a container of somebody else uses is refused by the engine, and its error thrown. */
export async function deleteVolumes(api: Api, names: readonly string[], stateDir: string): Promise<void> {
  await Promise.all(names.map((name) => api.removeVolume(name)));
  const gone = new Set(names);
  writeRecord(
    stateDir,
    recordedVolumes(stateDir).filter((name) => !gone.has(name)),
  );
}

/** An anonymous volume says nothing of whose it is: its name is kept when its container goes. */
export function recordVolumes(stateDir: string, container: ContainerDetail): void {
  const known = recordedVolumes(stateDir);
  const names = anonymousVolumesOf(container).filter((name) => !known.includes(name));
  if (names.length > 0) writeRecord(stateDir, [...known, ...names]);
}

/** The engine names them by 64 hexadecimal digits. */
function anonymousVolumesOf({ mounts }: ContainerDetail): readonly string[] {
  return mounts.flatMap(({ type, name }) =>
    type === 'volume' && name !== undefined && /^[0-9a-f]{64}$/.test(name) ? [name] : [],
  );
}

function recordedVolumes(stateDir: string): readonly string[] {
  try {
    const read: unknown = JSON.parse(readText(recordPath(stateDir)) ?? '[]');
    return Array.isArray(read) ? read.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return []; // a record that cannot be read names nothing: those volumes stay
  }
}

function writeRecord(stateDir: string, names: readonly string[]): void {
  makeFolder(stateDir, 0o700);
  writeWhole(recordPath(stateDir), `${JSON.stringify(names)}\n`, { mode: 0o600 });
}

function recordPath(stateDir: string): string {
  return join(stateDir, 'volumes.json');
}
