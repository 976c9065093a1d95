import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type Failure, failure, type Source } from '../kit/failure.ts';
import { readText } from '../kit/files.ts';

/** Where the files of a service are that a line of its log can name. */
export interface MigrationsOf {
  readonly service: string;
  /** Its folder, absolute: what it starts in, or builds from. */
  readonly folder: string;
  /** What shown paths start from. */
  readonly projectDir: string;
}

/** `migrations/002_items.sql:3: …`, `payments/migrations/002_items.sql: …`, `migrations/001_a.sql was …` */
const complaint = /^(?<path>(?:[\w.-]+\/)*migrations\/[\w.-]+\.sql)(?::(?<line>\d+))?(?::|(?= was )) ?(?<words>\S.*)$/;
/** The database was migrated by a newer version: no file here is to blame. */
const tooNew = /^the database is of a newer version: \S.*$/;
/** The kit says it twice, as a line of the log and plainly; more than that after it, and something else happened. */
const lastLines = 3;

/**
 * A service that ended because a migration is broken, was edited or is missing: the project's fault, with the file and
 * the line, and no further start gets over it. Undefined where its last lines say nothing of the kind.
 */
export function migrationFailure(of: MigrationsOf, tail: readonly string[]): Failure | undefined {
  const said = tail.slice(-lastLines).map(spoken);
  const line = said.findLast((one) => complaint.test(one) || tooNew.test(one));
  if (line === undefined) return undefined;
  const { path, line: number, words = line } = complaint.exec(line)?.groups ?? {};
  const source = path === undefined ? undefined : placeOf(of, path, Number(number ?? 1));
  const [what, hint] = apart(words);
  const isShown = source?.text !== undefined && !what.startsWith('was ');
  const subject = path === undefined || isShown ? '' : `${path} `;
  const message = `service "${of.service}" cannot migrate its database: ${subject}${what}`;
  return failure('project', 'MIGRATION_FAILED', message, { hints: [hint], ...(source ? { source } : {}) });
}

/** What a line of a log says: its `msg` where it is JSON. */
function spoken(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    return typeof msg === 'string' ? msg : '';
  } catch {
    return '';
  }
}

/** The kit ends what happened with what to do: `…; correct the file and start again (nothing of it was applied)`. */
function apart(words: string): [what: string, hint: string] {
  const at = words.lastIndexOf('; ');
  return at < 0 ? [words, 'correct the file, then camp up'] : [words.slice(0, at), words.slice(at + 2)];
}

/** A path of the log starts from the service's folder, or from where a monolith has its modules. */
function placeOf({ folder, projectDir }: MigrationsOf, path: string, line: number): Source {
  const bases = [folder, dirname(folder), projectDir, join(projectDir, 'modules')];
  const paths = bases.map((base) => resolve(base, path));
  const file = paths.find(existsSync) ?? paths.find((one) => existsSync(dirname(one))) ?? resolve(folder, path);
  const text = readText(file)?.split(/\r?\n/)[line - 1];
  const shown = { file: relative(projectDir, file), line };
  if (text === undefined) return { ...shown, col: 1 };
  return { ...shown, col: text.search(/\S|$/) + 1, length: Math.max(1, text.trim().length), text };
}
