import { existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { failure, type Problem } from '../../kit/failure.ts';
import { isRemoteFile } from './paths.ts';
import type { Sources } from './sources.ts';

/** In the order in which Compose looks for them (docker compose 2.40). */
export const defaultNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'] as const;
const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/** The compose files of a project, none of them read yet. */
export interface Chosen {
  /** Absolute, an override file last; empty where there is none. */
  readonly files: readonly string[];
  /** Relative paths start here: the folder of the first file. */
  readonly dir: string;
}

/**
 * The files that were asked for, else those of COMPOSE_FILE, else the first known name with its override file, as
 * Compose chooses; relative paths start from `dir`. Problems: FILE_MISSING and REMOTE_FILE (usage); warning:
 * SEVERAL_FILES.
 */
export function chooseFiles(
  dir: string,
  asked: readonly string[] | undefined,
  lookup: (name: string) => string | undefined,
  sources: Sources,
): Chosen {
  const listed = asked?.length
    ? asked
    : (lookup('COMPOSE_FILE') || undefined)?.split(lookup('COMPOSE_PATH_SEPARATOR') || delimiter);
  if (!listed) return { files: [...firstOf(defaultNames, dir, sources, overrideNames)], dir };
  const source = asked?.length ? '-f' : 'COMPOSE_FILE';
  const files = listed.flatMap((each) => usable(each, dir, source, sources) ?? []);
  return { files, dir: files[0] ? dirname(files[0]) : dir };
}

function usable(text: string, dir: string, source: string, sources: Sources): string | undefined {
  const complain = (code: string, message: string, hint: string) => {
    sources.report(failure('usage', code, message, { hints: [hint] }) as Problem);
    return undefined;
  };
  if (text === '-')
    return complain(
      'FILE_MISSING',
      'camp reads no compose file from its input',
      `write it into a file and name that with ${source}`,
    );
  if (isRemoteFile(text))
    return complain(
      'REMOTE_FILE',
      `camp fetches no compose files: ${text}`,
      `download ${text} and name the copy with ${source}`,
    );
  const path = resolve(dir, text);
  if (existsSync(path)) return path;
  return complain('FILE_MISSING', `compose file ${text} of ${source} is not there`, `correct ${source}`);
}

function* firstOf(
  names: readonly string[],
  dir: string,
  sources: Sources,
  beside: readonly string[] = [],
): Generator<string> {
  const [first, ...others] = names.filter((name) => existsSync(join(dir, name)));
  if (!first) return;
  yield join(dir, first);
  if (others.length > 0)
    sources.warn(
      failure('project', 'SEVERAL_FILES', `${first} is read, ${others.join(' and ')} is not: Compose takes one`, {
        hints: [`remove or rename ${others[0]}`],
        source: { file: others[0] as string, line: 1, col: 1 },
      }),
    );
  if (beside.length > 0) yield* firstOf(beside, dir, sources);
}
