import { existsSync } from 'node:fs';
import type { Emit } from '../../kit/events.ts';
import { CampError, type Failure, failure } from '../../kit/failure.ts';
import type { ComposeCli, ComposeModel, ComposeProject } from './compose.ts';
import { wordsOf } from './compose-failures.ts';
import type { Api, ContainerSummary } from './engine/types.ts';
import { composeLabels, isOneOff, projectLabel } from './labels.ts';

/** What of others stands in the way of a project's containers; nothing has been changed when this throws. */
export async function refuseStrangers(
  api: Api,
  project: ComposeProject,
  containers: readonly ContainerSummary[],
  model: ComposeModel,
  services: readonly string[],
): Promise<void> {
  const failures: Failure[] = [];
  const strangers = containers.filter((one) => isStranger(one, project) && !isOneOff(one));
  if (strangers.length > 0) failures.push(nameTaken(project, strangers));
  const names = services.flatMap((service) => model.services[service]?.container_name ?? []);
  const holders = await Promise.all(names.map((name) => api.inspectContainer(name)));
  for (const holder of holders)
    if (holder && holder.labels[projectLabel] !== project.id && !strangers.some((one) => one.id === holder.id))
      failures.push(
        failure('machine', 'NAME_TAKEN', `the container name ${holder.name} is taken by a container of somebody else`, {
          evidence: [inWords(holder)],
          hints: [`docker rm -f ${holder.name}`, 'or another container_name in compose.yaml'],
        }),
      );
  if (failures.length > 0) throw new CampError(failures);
}

function isStranger({ labels }: ContainerSummary, project: ComposeProject): boolean {
  return labels[composeLabels.project] === project.name && labels[projectLabel] !== project.id;
}

function nameTaken(project: ComposeProject, strangers: readonly ContainerSummary[]): Failure {
  const [first] = strangers;
  const folder = first?.labels[composeLabels.workingDir];
  // nobody can be sent to a folder that was moved since
  const isCamps = first !== undefined && projectLabel in first.labels && existsSync(folder ?? '');
  const down = isCamps ? 'camp down' : `docker compose -p ${project.name} down`;
  return failure(
    'machine',
    'PROJECT_NAME_TAKEN',
    `Docker already has containers of another project named "${project.name}"`,
    {
      evidence: strangers.map(inWords),
      hints: [`${down}${folder ? `, in ${folder}` : ''}`, 'or another name: in compose.yaml'],
    },
  );
}

function inWords({ name, image, status, labels }: Omit<ContainerSummary, 'health'>): string {
  const folder = labels[composeLabels.workingDir];
  return `${name} (${image}, ${status})${folder ? ` of ${folder}` : ''}`;
}

/** Images that services are created of, as far as they are not built. */
export interface WantedImages {
  /** By service. */
  readonly images: ReadonlyMap<string, string>;
  /** Services with `pull_policy: never`. */
  readonly neverPulled: ReadonlySet<string>;
}

/**
 * Gets the images that are not here, those of the services `missing`, all of them before anything is created.
 * Throws IMAGE_MISSING with every one that cannot be had.
 */
export async function provideImages(
  api: Api,
  cli: ComposeCli,
  { images, neverPulled }: WantedImages,
  missing: readonly string[],
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const pulled = missing.filter((service) => !neverPulled.has(service));
  let words: readonly string[] = [];
  if (pulled.length > 0) {
    const refs = [...new Set(pulled.map((service) => images.get(service)))];
    emit({ type: 'note', message: `pulling ${refs.join(', ')}` });
    words = await cli
      .run(['pull', '--policy', 'missing', '--ignore-pull-failures', ...pulled], {
        signal,
        failures: (result) => new PullFailed(wordsOf(result)),
      })
      .then(wordsOf)
      .catch((error: unknown) => {
        if (!(error instanceof PullFailed)) throw error;
        return error.words;
      });
  }
  const left = await absentImages(api, images);
  if (left.length === 0) return;
  const refs = [...new Set(left.map((service) => images.get(service) ?? ''))];
  throw new CampError(
    failure(
      'machine',
      'IMAGE_MISSING',
      `${refs.length === 1 ? 'an image is' : `${refs.length} images are`} neither here nor to be had: ${refs.join(', ')}`,
      {
        evidence: [
          ...left.map((service) => `service ${service}: ${images.get(service)}`),
          ...words.filter((line) => /error|denied|not found|unknown|lookup|refused/i.test(line)).slice(-10),
        ],
        hints: refs.map((ref) => `docker pull ${ref}`),
      },
    ),
  );
}

class PullFailed extends CampError {
  readonly words: readonly string[];

  constructor(words: readonly string[]) {
    super([]);
    this.words = words;
  }
}

/** Services whose image is not here. */
export async function absentImages(api: Api, images: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const found = await Promise.all(
    [...images].map(async ([service, ref]) => ((await api.inspectImage(ref)) ? undefined : service)),
  );
  return found.flatMap((service) => service ?? []);
}
