import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder, readText, writeWhole } from '../kit/files.ts';
import { hashOf } from '../kit/hash.ts';
import type { Adapted, Ask } from './adapt.ts';
import type { ProgramSetup } from './adapt-program.ts';

/**
 * Remembers in `file` what the last text came to, because asking takes a process: the same text, environment and
 * program are not asked for again, unless the text draws in files, which may have changed.
 */
export function rememberingAsk(
  ask: Ask<Adapted>,
  file: string,
  setup: Pick<ProgramSetup, 'caddy' | 'env'>,
): Ask<Adapted> {
  return async (text) => {
    if (/^\s*import\b/m.test(text)) return ask(text);
    const key = keyOf(text, setup);
    const before = read(file);
    if (before?.key === key) return before.adapted;
    const adapted = await ask(text);
    if (typeof adapted !== 'string') keep(file, { key, adapted });
    return adapted;
  };
}

interface Remembered {
  readonly key: string;
  readonly adapted: Adapted;
}

function keyOf(text: string, { caddy, env }: Pick<ProgramSetup, 'caddy' | 'env'>): string {
  const names = new Set([...text.matchAll(/\{\$([^}:]+)/g)].map(([, name = '']) => name));
  const { size, mtimeMs } = statSync(caddy, { throwIfNoEntry: false }) ?? {};
  return hashOf({ text, caddy, size, mtimeMs, values: [...names].map((name) => [name, env[name]]) });
}

function read(file: string): Remembered | undefined {
  try {
    return JSON.parse(readText(file) ?? 'null') as Remembered | undefined;
  } catch {
    return undefined; // it is asked again
  }
}

/** It may hold values of the environment. Only speed depends on it: a disk that is full is found out by what needs it. */
function keep(file: string, remembered: Remembered): void {
  try {
    makeFolder(dirname(file), 0o700);
    writeWhole(file, JSON.stringify(remembered), { mode: 0o600, durable: false });
  } catch {
    // asked for again next time
  }
}
