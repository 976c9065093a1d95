import { existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { readText } from '../kit/files.ts';
import { renderTemplate } from './templates.ts';
import type { Change, ChangeSet } from './types.ts';

/** What a workflow is written for. */
export interface CiRequest {
  /** The project's folder; need not be there yet. */
  readonly dir: string;
  /** camp's own package and version: the same one that wrote the workflow runs in it. */
  readonly package: string;
  readonly version: string;
  /** There are tests that `camp test` would run; without any it is an error. */
  readonly hasTests: boolean;
}

/**
 * The GitHub Actions workflow of a project, as a change. Reads, writes nothing; a workflow that is there stays
 * as it is, whoever wrote it.
 */
export async function ciChanges(request: CiRequest): Promise<Pick<ChangeSet, 'changes' | 'notes'>> {
  const { dir, hasTests, version } = request;
  const folder = folderInRepository(dir);
  const changes = await render(request, folder ?? '');
  const wanted = changes.filter(({ path }) => readText(join(dir, path)) === undefined);
  const kept = changes.filter((change) => !wanted.includes(change));
  return {
    changes: wanted,
    notes: [
      ...kept.map((change) => noteOnKept(dir, change)),
      ...(wanted.length > 0 ? notesOnNew(folder, hasTests, version) : []),
    ],
  };
}

async function render({ package: name, version, hasTests }: CiRequest, folder: string): Promise<readonly Change[]> {
  const prefix = folder === '' ? '' : `${folder}/`;
  return renderTemplate('ci', '', '', { package: name, version, test: hasTests, folder, prefix });
}

function noteOnKept(dir: string, { path, after }: Change): string {
  return readText(join(dir, path)) === after ? `${path} is there already` : `${path} is yours and stays as it is`;
}

function notesOnNew(folder: string | undefined, hasTests: boolean, version: string): readonly string[] {
  return [
    ...(folder === undefined
      ? ['the folder is not at the top of its repository, and its name is odd: set working-directory in the workflow']
      : []),
    ...(folder ? [`GitHub finds workflows only at the top of a repository: move .github from ${folder} there`] : []),
    ...(hasTests ? [] : ['there are no tests yet, so the workflow does not run camp test']),
    `the workflow installs camp ${version}`,
  ];
}

/** The project's folder below the top of its git repository, with forward slashes; undefined where it cannot stand in a workflow. */
function folderInRepository(dir: string): string | undefined {
  for (let top = dir; ; top = dirname(top)) {
    if (existsSync(join(top, '.git'))) {
      const below = relative(top, dir).split(sep).join('/');
      return /^[\w./-]*$/.test(below) ? below : undefined;
    }
    if (top === dirname(top)) return '';
  }
}
