import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CampError, failuresOf } from '../kit/failure.ts';
import { readText } from '../kit/files.ts';
import { hashOf } from '../kit/hash.ts';
import { userFolders } from '../kit/paths.ts';
import { readDotEnv } from '../project/compose/dotenv.ts';
import { isProblem, readTextFile } from '../project/text-file.ts';
import type { Project } from '../project/types.ts';
import { baseEnvironment } from '../runtime/native/environment.ts';
import { findCaddy } from '../tools/find-caddy.ts';

export interface CaddyfileCheck {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Folder of the project's state, where it is remembered which Caddyfile was found good; without it nothing is. */
  readonly state?: string;
  /** The Caddy program, where the caller has found it already. */
  readonly caddy?: string;
  readonly signal: AbortSignal;
}

/**
 * Refuses a wrong Caddyfile before anything is started; the very text that was good last time is not asked for
 * again. Without a Caddy it is judged when the edge loads it. Throws CADDYFILE_INVALID (project), all problems.
 */
export async function refuseBadCaddyfile(project: Project, check: CaddyfileCheck): Promise<void> {
  const { caddyfile, edgeEnv } = project;
  if (caddyfile.path === undefined) return;
  const hash = hashOf([caddyfile.text, edgeEnv]);
  const mark = check.state === undefined ? undefined : join(check.state, 'caddyfile-ok');
  if (mark !== undefined && readText(mark) === hash) return;
  const problems = await problemsOf(caddyfile.text, caddyfile.path, edgeEnv, check);
  if (problems === undefined) return;
  if (problems.length > 0) throw new CampError(problems);
  if (mark !== undefined && !importsFiles(caddyfile.text)) remember(mark, hash);
}

/** The problems of compose.yaml or .env, and those of the Caddyfile beside it: all at once. */
export async function withCaddyfileProblems(error: unknown, check: CaddyfileCheck): Promise<unknown> {
  if (!(error instanceof CampError) || error.failures.some((one) => one.fault !== 'project')) return error;
  if (error.failures.some((one) => one.source?.file === 'Caddyfile')) return error;
  const path = join(check.dir, 'Caddyfile');
  const file = readTextFile(path, 'Caddyfile');
  if (!file || isProblem(file)) return error;
  const dotenv = readTextFile(join(check.dir, '.env'), '.env');
  const declared =
    dotenv && !isProblem(dotenv) ? Object.fromEntries(readDotEnv(dotenv, (name) => check.env[name]).values) : {};
  const problems = await problemsOf(file.text, path, { CAMP_DOMAIN: 'project.localhost', ...declared }, check).catch(
    () => [],
  );
  return new CampError([...failuresOf(error), ...(problems ?? [])]);
}

async function problemsOf(
  text: string,
  path: string,
  declared: Readonly<Record<string, string>>,
  check: CaddyfileCheck,
): Promise<CampError['failures'] | undefined> {
  const caddy = check.caddy ?? findCaddy(userFolders(check.env), check.env).tool?.path;
  if (caddy === undefined) return undefined;
  const { checkCaddyfile } = await import('../edge/check-caddyfile.ts');
  const env = { ...baseEnvironment(check.env, [], { projectId: '', replica: '', supervisor: '' }), ...declared };
  return checkCaddyfile({ text, path }, { caddy, projectDir: check.dir, env }, check.signal);
}

/** What an imported file says is not part of the text, so such a Caddyfile is asked for each time. */
export function importsFiles(text: string): boolean {
  return /^\s*import\s+\S*[./*{]/m.test(text);
}

/** Only speed depends on it: a disk that is full is found out by what needs it. */
function remember(mark: string, hash: string): void {
  try {
    writeFileSync(mark, hash);
  } catch {
    // asked for again next time
  }
}
