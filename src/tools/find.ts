import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import type { UserFolders } from '../kit/paths.ts';
import { type Cached, cachedPrograms, judge } from './cache.ts';
import { type KnownTool, knownTools, systemFolders, wantedMajor } from './known.ts';
import type { Attempt, Tool, ToolName, ToolSearch, Wish } from './types.ts';
import { isAtLeast, majorOf } from './version.ts';

type Place = 'path' | 'system' | 'cache';

/**
 * Looks for a program that is new enough, and of the wanted major version: on PATH, in well-known folders, then in the
 * tool cache. Starts no process for a program that was accepted before and has not changed. `places` are the
 * well-known folders; tests give their own.
 */
export function findTool(
  name: ToolName,
  wish: Wish,
  folders: UserFolders,
  env: NodeJS.ProcessEnv = process.env,
  places: readonly string[] = systemFolders(name),
): ToolSearch {
  const known = knownTools[name];
  const major = wantedMajor(name, wish);
  const attempts: Attempt[] = [];
  let other: Tool | undefined;
  for (const { origin, programs, none } of candidates(known, folders, env, places)) {
    if (programs.length === 0 && none !== undefined) attempts.push({ origin, outcome: none, isUsable: false });
    for (const program of programs) {
      const { attempt, tool } = consider(known, program, origin, folders);
      const isWanted = tool !== undefined && (major === undefined || majorOf(tool.version) === major);
      attempts.push(isWanted || !tool ? attempt : { ...attempt, outcome: `${attempt.outcome}, not ${major}` });
      if (isWanted) return { tool, attempts };
      other = better(other, tool);
    }
  }
  return other ? { other, attempts } : { attempts };
}

interface Candidates {
  readonly origin: Place;
  readonly programs: readonly Cached[];
  /** What is said where there is none. */
  readonly none?: string;
}

function candidates(
  known: KnownTool,
  folders: UserFolders,
  env: NodeJS.ProcessEnv,
  places: readonly string[],
): readonly Candidates[] {
  const onPath = programsIn(known, (env['PATH'] ?? '').split(delimiter));
  const ofSystem = programsIn(known, places).filter(({ path }) => !onPath.some((one) => one.path === path));
  const path: Candidates = { origin: 'path', programs: onPath, none: `no ${known.programs.join(' or ')} on PATH` };
  const system: Candidates = { origin: 'system', programs: ofSystem };
  const cache: Candidates = {
    origin: 'cache',
    programs: cachedPrograms(folders, known.name),
    none: `none in the tool cache (${folders.cache})`,
  };
  return known.name === 'rabbitmq' ? [system, path] : [path, system, cache];
}

/** Between two of which neither is wanted the newer is the better one. */
function better(a: Tool | undefined, b: Tool | undefined): Tool | undefined {
  if (!a || !b) return a ?? b;
  return isAtLeast(a.version, b.version) ? a : b;
}

function consider(
  known: KnownTool,
  program: Cached,
  origin: Place,
  folders: UserFolders,
): { attempt: Attempt; tool?: Tool } {
  const { path, env } = program;
  const refused = (outcome: string) => ({ attempt: { origin, outcome: `${path} ${outcome}`, isUsable: false } });
  try {
    const bin = dirname(path);
    const missing = known.beside.find((name) => !isProgram(join(bin, name)));
    if (missing !== undefined) return refused(`is not usable: there is no ${missing} beside it`);
    const verdict = judge(known, program, folders);
    if ('problem' in verdict) return refused(`is not usable: ${verdict.problem}`);
    const { version } = verdict;
    if (!isAtLeast(version, known.minimum)) return refused(`is ${version}, older than ${known.minimum}`);
    return {
      attempt: { origin, outcome: `${path} is ${version}`, isUsable: true },
      tool: { name: known.name, path, bin, version, origin, ...(env ? { env } : {}) },
    };
  } catch (error) {
    return refused(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
}

/** Every such program in the folders, in order; relative entries would depend on the current folder. */
function programsIn(known: KnownTool, folders: readonly string[]): readonly Cached[] {
  const found: string[] = [];
  for (const folder of folders) {
    if (!isAbsolute(folder)) continue;
    for (const program of known.programs) {
      const path = join(folder, program);
      if (!isProgram(path)) continue;
      const real = known.beside.length > 0 ? realFolder(path) : path;
      if (!found.includes(real)) found.push(real);
    }
  }
  return found.map((path) => ({ path }));
}

/** What needs others beside it is looked at where it really is: PATH may have a link to the one program. */
function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
