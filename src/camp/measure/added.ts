import { resolve } from 'node:path';
import { CampError } from '../../kit/failure.ts';
import { composeFacts } from '../../project/edit/compose-document.ts';
import { loadProject } from '../../project/load.ts';
import { measureConfiguration } from '../../project/size/measure.ts';
import type { Project } from '../../project/types.ts';
import type { ChangeSet } from '../../scaffold/types.ts';
import type { SplitCost } from '../../stopwatch/types.ts';
import { stateFolders } from '../folders.ts';
import { machineOf } from './machine.ts';
import { historyLines, measureRecords } from './record.ts';
import { measuredSplit, splitCost, splitNotes } from './what-if.ts';

/**
 * What the service that was just added costs, as notes: counted in the files as they are now, and of what is measured only
 * what `camp measure --what-if` has measured on this machine. None where the project cannot be read.
 */
export function notesOnAdded(name: string, added: ChangeSet, env: NodeJS.ProcessEnv): readonly string[] {
  const cost = costOfAdded(name, added, env);
  return cost ? splitNotes(cost) : [];
}

function costOfAdded(name: string, { dir, changes }: ChangeSet, env: NodeJS.ProcessEnv): SplitCost | undefined {
  const project = readProject(dir, env);
  if (!project) return undefined;
  const before = servicesBefore(changes);
  const isNew = (service: string) => !before.has(service) && project.services.has(service);
  const { services, movingParts } = measureConfiguration(project);
  // a replica is its service's name and a number
  const parts = movingParts.filter((part) => isNew(part.replace(/ \d+$/, ''))).length;
  const history = measureRecords(historyLines(resolve(dir, stateFolders(dir).metrics)));
  return splitCost({
    of: name,
    hops: hopsTo(project, name),
    lines: services.filter((service) => isNew(service.name)).reduce((sum, { lines }) => sum + lines, 0),
    parts: { before: movingParts.length - parts, after: movingParts.length },
    ...measuredSplit(history, machineOf(0)),
  });
}

/** Files that could not be read take nothing from the service: it is there. */
function readProject(dir: string, env: NodeJS.ProcessEnv): Project | undefined {
  try {
    return loadProject(dir, { env }).project;
  } catch (error) {
    if (error instanceof CampError) return undefined;
    throw error;
  }
}

/** Those of the compose file before it was changed; with the service its database and its broker may have come. */
function servicesBefore(changes: ChangeSet['changes']): ReadonlySet<string> {
  const compose = changes.find(({ path }) => /^(?:docker-)?compose\.ya?ml$/.test(path));
  const facts = composeFacts(compose?.before ?? '', compose?.path ?? '');
  return new Set('problem' in facts ? [] : facts.services.map((service) => service.name));
}

/** Files are served by the edge itself; an event goes to the broker and from there to the service that handles it. */
function hopsTo({ services, caddyfile }: Project, name: string): number {
  const service = services.get(name);
  if (service?.isNative && service.start?.kind === 'static') return 0;
  const isRouted = new RegExp(`\\b${name}:\\d`).test(caddyfile.text);
  return isRouted || !service?.env['NATS_URL'] ? 1 : 2;
}
