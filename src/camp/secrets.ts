import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Event } from '../kit/events.ts';
import { CampError } from '../kit/failure.ts';
import { readText } from '../kit/files.ts';
import { defaultNames } from '../project/compose/which-files.ts';
import { isProblem, readTextFile } from '../project/text-file.ts';

/** The project whose passwords are looked after. */
export interface SecretsRequest {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly files?: readonly string[];
  onEvent?(event: Event): void;
}

/**
 * Passwords that the backing services of a project ask for and nobody sets, as after a fresh clone: they are generated
 * into `.env`, never shown. Throws SECRET_IN_GIT (project) where git tracks that file.
 */
export async function provideSecrets(request: SecretsRequest): Promise<void> {
  const names = await unsetSecrets(request);
  if (names.length === 0) return;
  const { dir } = request;
  const [{ secretChanges }, { refuseTracked }, { applyChanges }, { isTrackedByGit }] = await Promise.all([
    import('../scaffold/secrets.ts'),
    import('../scaffold/add-backing.ts'),
    import('../scaffold/apply.ts'),
    import('./scaffold.ts'),
  ]);
  const build = async () => {
    const text = (name: string) => readText(join(dir, name));
    const files = { dotenv: text('.env'), example: undefined, ignore: text('.gitignore') };
    const hasGit = files.ignore !== undefined || existsSync(join(dir, '.git'));
    const changes = secretChanges(names, files).filter(
      ({ path }) => path === '.env' || (path === '.gitignore' && hasGit),
    );
    await refuseTracked(changes, { isTracked: (path) => isTrackedByGit(dir, path) });
    return { dir, project: basename(dir), changes, found: [], notes: [], next: [] };
  };
  try {
    await applyChanges(dir, build, { purpose: 'camp up' });
  } catch (error) {
    const [first] = error instanceof CampError ? error.failures : [];
    if (first?.code !== 'READ_ONLY') throw error;
    request.onEvent?.({
      type: 'warning',
      t: 0,
      message: `no password could be made for ${names.join(', ')}: ${first.message}`,
    });
  }
}

/** The environment as `up` would see it, for who only looks: nothing is written. */
export async function withPlannedSecrets(request: SecretsRequest): Promise<NodeJS.ProcessEnv> {
  const names = await unsetSecrets(request);
  if (names.length === 0) return request.env;
  const { newSecret } = await import('../scaffold/secrets.ts');
  return { ...request.env, ...Object.fromEntries(names.map((name) => [name, newSecret()])) };
}

const passwordLines = /^[^#\n]*(?:PASSWORD|_PASS)["']?\s*[:=][^\n]*\$[^\n]*$/gm;

/** What is no text (a folder, say) is complained of by who reads the project. */
function legible(path: string): string | undefined {
  const file = readTextFile(path, basename(path));
  return file && !isProblem(file) ? file.text : undefined;
}

async function unsetSecrets({ dir, env, files }: SecretsRequest): Promise<readonly string[]> {
  const paths =
    files ??
    defaultNames
      .map((name) => join(dir, name))
      .filter((path) => existsSync(path))
      .slice(0, 1);
  const texts = paths.map((path) => legible(path) ?? '').filter((text) => text.search(passwordLines) >= 0);
  const example = legible(join(dir, '.env.example'));
  const dotenv = legible(join(dir, '.env'));
  if (isAllSet(texts, example, dotenv, env)) return [];
  const { missingSecrets, promisedSecrets } = await import('../scaffold/secrets.ts');
  const missing = texts.flatMap((text) => missingSecrets(text, dotenv, env));
  return [...new Set([...missing, ...promisedSecrets(example, dotenv, env)])];
}

/** A first look without a parser, which every start would wait for: whatever could be asked for is set. */
function isAllSet(
  texts: readonly string[],
  example: string | undefined,
  dotenv: string | undefined,
  env: NodeJS.ProcessEnv,
): boolean {
  const lines = texts.flatMap((text) => text.match(passwordLines) ?? []).join('\n');
  const named = [...lines.matchAll(/\$\{?(\w+)/g), ...(example ?? '').matchAll(/^(\w+)=[ \t]*\r?$/gm)];
  return named.every(([, name = '']) => env[name] || new RegExp(`^${name}=[^\\s'"#]`, 'm').test(dotenv ?? ''));
}
