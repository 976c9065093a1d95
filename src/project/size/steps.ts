import { basename } from 'node:path';
import type { ConfigurationFile, Project } from '../types.ts';

/**
 * From nothing to the first request, as words of a transcript: commands as they are typed, and each file that a person
 * wrote or changed. What has to be installed before is no step of the project.
 */
export function stepsOf({ dir }: Project, files: readonly ConfigurationFile[]): readonly string[] {
  const isMade = files.some(({ origin }) => origin === 'generated');
  return [
    ...(isMade ? [`camp init ${basename(dir)}`, `cd ${basename(dir)}`] : []),
    ...files.filter(({ origin }) => origin === 'hand-written').map(({ path }) => `edit ${path}`),
    'camp up',
  ];
}

/** What runs once it is up: each replica by itself, the edge, camp. Files that the edge serves run nowhere. */
export function movingPartsOf({ services }: Project): readonly string[] {
  const replicas = [...services.values()].flatMap(({ name, replicas, isEdge, isNative, start }) => {
    // in the place of a Caddy of Compose's camp runs its own
    if (isEdge || (isNative && start?.kind === 'static')) return [];
    return Array.from({ length: replicas }, (_, i) => (replicas === 1 ? name : `${name} ${i + 1}`));
  });
  return [...replicas, 'edge', 'camp'];
}
