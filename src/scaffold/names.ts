import { failure, type Problem } from '../kit/failure.ts';

/** Words that mean something else to a file system, to YAML, to JavaScript or to camp. */
const reserved: ReadonlySet<string> = new Set([
  ...['localhost', 'local', 'localdomain', 'all', 'default'],
  ...['con', 'prn', 'aux', 'nul', ...Array.from({ length: 10 }, (_, n) => [`com${n}`, `lpt${n}`]).flat()],
  ...['y', 'n', 'yes', 'no', 'on', 'off', 'true', 'false', 'null'],
  'constructor',
  'prototype',
]);
/** `edge` is the Caddy of the project, `supervisor` names camp's own process. */
const reservedServices: ReadonlySet<string> = new Set(['edge', 'supervisor', 'node-modules']);

/**
 * A name that is also a host name: a DNS label (RFC 1035) in lower case. INVALID_NAME gives the rule
 * that was broken and the nearest name that passes.
 */
export function checkName(name: string, what: 'project' | 'service'): Problem | undefined {
  const why = brokenRule(name, what);
  if (!why) return undefined;
  const suggestion = suggestName(name, what);
  const shown = name.length > 80 ? `${name.slice(0, 77)}...` : name;
  return failure('usage', 'INVALID_NAME', `${what} name ${JSON.stringify(shown.toWellFormed())} ${why}`, {
    hints: suggestion ? [`use ${suggestion}`] : ['a name is 1 to 63 of a-z, 0-9 and -, beginning with a letter'],
  }) as Problem;
}

function brokenRule(name: string, what: 'project' | 'service'): string | undefined {
  if (name === '') return 'is empty';
  if (!/^[a-z]/.test(name)) return 'does not begin with a letter a-z';
  if (!/^[a-z0-9-]*$/.test(name)) return 'may hold only a-z, 0-9 and -';
  if (name.endsWith('-')) return 'ends with a hyphen';
  if (/^..--/.test(name)) return 'has two hyphens where encoded international names have them';
  if (name.length > 63) return 'is longer than 63 characters';
  if (reserved.has(name) || (what === 'service' && reservedServices.has(name))) return 'is a reserved word';
  return undefined;
}

/** The nearest valid name, or undefined where nothing of the word can be kept. */
export function suggestName(word: string, what: 'project' | 'service' = 'project'): string | undefined {
  const slug = word
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  if (slug === '') return undefined;
  if (brokenRule(slug, what) === undefined) return slug;
  const longer = `my-${slug}`.slice(0, 63).replace(/-+$/, '');
  return brokenRule(longer, what) === undefined ? longer : undefined;
}
