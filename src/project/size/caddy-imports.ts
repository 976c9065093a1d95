import { readdirSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { caddyStatements } from './caddyfile-statements.ts';

/**
 * Absolute paths of the files that a Caddyfile imports by name or pattern, in their order; snippets are none. A pattern
 * that fits nothing gives nothing: whether that is a fault Caddy says.
 * https://caddyserver.com/docs/caddyfile/directives/import
 */
export function importsOf(path: string, text: string, env: Readonly<Record<string, string>>): readonly string[] {
  const all = caddyStatements(text);
  const snippets = new Set(all.flatMap(({ words }) => /^\((.+)\)$/.exec(words[0] ?? '')?.[1] ?? []));
  return all.flatMap(({ words }) => {
    const [first, name = ''] = words;
    if (first !== 'import' || name === '' || snippets.has(name)) return [];
    const pattern = filled(name, env);
    return matches(isAbsolute(pattern) ? pattern : join(dirname(path), pattern));
  });
}

function filled(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\{\$(\w+)(?::([^}]*))?\}/g, (_, name: string, otherwise = '') =>
    Object.hasOwn(env, name) ? (env[name] ?? '') : otherwise,
  );
}

/** `*`, `?` and `[a-z]` in names of files and folders, none of which goes over a slash. */
function matches(pattern: string): readonly string[] {
  if (pattern.length > 1000 || pattern.split('*').length > 8) return [];
  if (!/[*?[]/.test(pattern)) return [pattern];
  let found: readonly string[] = ['/'];
  for (const part of pattern.split('/').filter(Boolean)) {
    if (!/[*?[]/.test(part)) found = found.map((folder) => join(folder, part));
    else {
      const wanted = expressionOf(part);
      found = found.flatMap((folder) =>
        namesIn(folder)
          .filter((name) => wanted.test(name))
          .map((name) => join(folder, name)),
      );
    }
    if (found.length > 1000) return found.slice(0, 1000);
  }
  return found;
}

function expressionOf(part: string): RegExp {
  const source = part.replace(/\[!?[^\]]+\]|[^\w]/g, (each) => {
    if (each === '*') return '.*';
    if (each === '?') return '.';
    if (each.length > 1) return each.replace('[!', '[^').replace(/\\/g, '\\\\');
    return `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /^$/; // a range the wrong way round
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // no folder, or none that may be read
  }
}
