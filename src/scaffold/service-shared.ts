import { join } from 'node:path';
import { readText } from '../kit/files.ts';
import type { ComposeFacts } from '../project/edit/compose-document.ts';
import { hasKit, ignoreForImages, renderKit } from './kit.ts';
import { addToWorkspace, membersOf } from './node-workspace.ts';
import type { Change } from './types.ts';

interface Shared {
  readonly changes: readonly Change[];
  readonly notes: readonly string[];
}

/** What a new service changes for all: the kit where it is the first to use it, and the npm workspace. */
export async function sharedChanges(
  { dir }: { readonly dir: string },
  project: string,
  facts: ComposeFacts,
  usesKit: boolean,
  files: readonly Change[],
  template: string,
): Promise<Shared> {
  if (template !== 'node' && template !== 'worker') return { changes: [], notes: [] };
  const kit = usesKit && !hasKit(dir) ? await renderKit(project) : [];
  const buildsRoot = facts.services.some(({ build }) => build !== undefined && /^\.?\/?$/.test(build));
  const ignore: Shared =
    usesKit && !buildsRoot ? ignoreForImages(dir) : { changes: [], notes: usesKit ? [rootBuildNote] : [] };
  const read = (name: string) => readText(join(dir, name));
  const workspace = addToWorkspace(
    { project, packageText: read('package.json'), lockText: read('package-lock.json') },
    membersOf([...kit, ...files]),
  );
  return {
    changes: [...kit, ...ignore.changes, ...workspace.changes],
    notes: [
      ...(kit.length > 0 ? ['packages/kit is what its services share: yours, a few hundred lines'] : []),
      ...ignore.notes,
      ...workspace.notes,
    ],
  };
}

const rootBuildNote = 'an image is built from the whole folder, so there is no .dockerignore that keeps it small';
