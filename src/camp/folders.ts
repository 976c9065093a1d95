import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail } from '../kit/failure.ts';
import { makeFolder, writeWhole } from '../kit/files.ts';
import { isWritable, projectId, type UserFolders, userFolders } from '../kit/paths.ts';
import { defaultNames } from '../project/compose/which-files.ts';

/** Files that make a folder a project. */
export const projectFiles = [...defaultNames, 'Caddyfile'] as const;

/** Where the state of one project lies. */
export interface StateFolders {
  /** Relative to the project's folder where it lies inside, so that a socket's path stays short (limit 108 bytes). */
  readonly state: string;
  readonly run: string;
  readonly logs: string;
  /** What native servers keep: it survives `down`. */
  readonly data: string;
  readonly lock: string;
  readonly control: string;
  readonly metrics: string;
}

/** The folder of the project that `from` lies in: the nearest one upward with project files, else `from` itself. */
export function findProjectDir(from: string): string {
  const start = realFolder(from);
  for (let dir = start; ; dir = dirname(dir)) {
    if (projectFiles.some((name) => existsSync(join(dir, name)))) return dir;
    if (dirname(dir) === dir) return start;
  }
}

/** The real path of a folder. Throws NOT_A_PROJECT (usage) where there is none. */
export function realFolder(path: string): string {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return fail('usage', 'NOT_A_PROJECT', `${path} is not there`, { hints: [`camp init ${path}`] });
  }
  if (!statSync(real).isDirectory())
    fail('usage', 'NOT_A_PROJECT', `${path} is not a folder`, { hints: ['camp --dir FOLDER'] });
  return real;
}

/**
 * The state of a project lies in its `.camp`. A folder that has no project files is not written to, and one that
 * may not be written has no choice: their state lies with the user's. That of an instance lies in a folder of it.
 */
export function stateFolders(dir: string, instance?: string): StateFolders {
  const isProject = projectFiles.some((name) => existsSync(join(dir, name)));
  const isInside =
    isProject && (isWritable(join(dir, '.camp')) || (!existsSync(join(dir, '.camp')) && isWritable(dir)));
  const own = isInside ? '.camp' : join(userFolders().state, 'projects', projectId(dir));
  const state = instance === undefined ? own : join(own, instance);
  return {
    state,
    run: join(state, 'run'),
    logs: join(state, 'logs'),
    data: join(state, 'data'),
    lock: join(state, 'lock'),
    control: join(state, 'run', 'control.sock'),
    metrics: join(state, 'metrics.jsonl'),
  };
}

/** Makes the folders, 0700. The process's working directory is the project's folder. Throws READ_ONLY, DISK_FULL or NOT_A_FOLDER. */
export function makeStateFolders(folders: StateFolders): void {
  for (const folder of [folders.state, folders.run, folders.logs]) {
    if (existsSync(folder) && !statSync(folder).isDirectory())
      fail('machine', 'NOT_A_FOLDER', `${folder} is not a folder, but camp keeps its state there`, {
        hints: [`mv ${folder} ${folder}.old`],
      });
    makeFolder(folder, 0o700);
  }
  const ignore = join(folders.state, '.gitignore');
  if (!existsSync(ignore)) writeWhole(ignore, '*\n', { durable: false });
}

/** Caddy's storage of one user: the local CA and its certificates, shared by all projects. */
export function edgeStorage(user: UserFolders): string {
  return join(user.data, 'caddy');
}
