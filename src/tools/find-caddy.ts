import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { UserFolders } from '../kit/paths.ts';
import { cachedPrograms, judge } from './cache.ts';
import type { Attempt, Tool, ToolSearch } from './types.ts';
import { isAtLeast, minimumVersion } from './version.ts';

/**
 * Looks for a Caddy that is new enough: on PATH, then in the tool cache. Starts no process for a program
 * that was accepted before and has not changed.
 */
export function findCaddy(folders: UserFolders, env: NodeJS.ProcessEnv = process.env): ToolSearch {
  const attempts: Attempt[] = [];
  const places = [
    { origin: 'path', paths: programsOnPath(env), none: 'no caddy on PATH' },
    { origin: 'cache', paths: cachedPrograms(folders), none: `none in the tool cache (${folders.cache})` },
  ] as const;
  for (const { origin, paths, none } of places) {
    if (paths.length === 0) attempts.push({ origin, outcome: none, isUsable: false });
    for (const path of paths) {
      const { attempt, tool } = consider(path, origin, folders);
      attempts.push(attempt);
      if (tool) return { tool, attempts };
    }
  }
  return { attempts };
}

function consider(path: string, origin: 'path' | 'cache', folders: UserFolders): { attempt: Attempt; tool?: Tool } {
  const refused = (outcome: string) => ({ attempt: { origin, outcome: `${path} ${outcome}`, isUsable: false } });
  try {
    const verdict = judge(path, folders);
    if ('problem' in verdict) return refused(`is not usable: ${verdict.problem}`);
    const { version } = verdict;
    if (!isAtLeast(version)) return refused(`is ${version}, older than ${minimumVersion}`);
    return {
      attempt: { origin, outcome: `${path} is ${version}`, isUsable: true },
      tool: { name: 'caddy', path, version, origin },
    };
  } catch (error) {
    return refused(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
}

/** Every executable `caddy` on PATH, in order; relative entries would depend on the current folder. */
function programsOnPath(env: NodeJS.ProcessEnv): readonly string[] {
  const found: string[] = [];
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'caddy');
    if (isAbsolute(folder) && !found.includes(path) && isProgram(path)) found.push(path);
  }
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
