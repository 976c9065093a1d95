import { hashOf } from '../kit/hash.ts';
import { recall, remember, stampOf } from '../kit/remembered.ts';
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
    const before = recall<Adapted>(file, key);
    if (before) return before;
    const adapted = await ask(text);
    // it may hold values of the environment: the file is for this user only
    if (typeof adapted !== 'string') remember(file, key, adapted);
    return adapted;
  };
}

function keyOf(text: string, { caddy, env }: Pick<ProgramSetup, 'caddy' | 'env'>): string {
  const names = new Set([...text.matchAll(/\{\$([^}:]+)/g)].map(([, name = '']) => name));
  return hashOf({ text, caddy, stamp: stampOf(caddy), values: [...names].map((name) => [name, env[name]]) });
}
