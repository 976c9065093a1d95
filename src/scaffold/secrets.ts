import { randomBytes } from 'node:crypto';
import { isRecord, readDocument, servicesIn } from '../project/edit/compose-document.ts';
import { insertLines, lineEndOf } from '../project/edit/edit.ts';
import { imageFacts } from '../project/images.ts';
import type { Change } from './types.ts';

/** 32 letters and digits, about 190 bits: they need no quotes in a URL, a shell, YAML or a .env file. */
export function newSecret(): string {
  return randomBytes(64)
    .toString('base64')
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, 32)
    .padEnd(32, '0');
}

/** Variables in which backing services are given a password. */
const passwordKeys: ReadonlySet<string> = new Set([
  ...['POSTGRES_PASSWORD', 'RABBITMQ_DEFAULT_PASS', 'MONGO_INITDB_ROOT_PASSWORD'],
  ...['MYSQL_PASSWORD', 'MYSQL_ROOT_PASSWORD', 'MARIADB_PASSWORD', 'MARIADB_ROOT_PASSWORD'],
]);

/**
 * The variables that the password lines of known backing services ask for (`POSTGRES_PASSWORD: ${ORDERS_DB_PASSWORD}`)
 * and that neither `env` nor the text of `.env` sets. One with a default (`${X:-secret}`) is not asked for. `only` names
 * the one service that counts.
 */
export function missingSecrets(
  composeText: string,
  dotenvText: string | undefined,
  env: NodeJS.ProcessEnv = {},
  only?: string,
): readonly string[] {
  const read = readDocument(composeText, 'compose.yaml');
  if ('problem' in read) return [];
  const names = Object.entries(servicesIn(read.plain)).flatMap(([service, entry]) => {
    if (only !== undefined && service !== only) return [];
    if (!isRecord(entry) || typeof entry['image'] !== 'string' || !imageFacts(entry['image'])) return [];
    return pairsOf(entry['environment'])
      .filter(([key]) => passwordKeys.has(key))
      .map(([, value]) => /^\$(?:\{(\w+)(?::?\?[^}]*)?\}|(\w+))$/.exec(value))
      .map((match) => match?.[1] ?? match?.[2]);
  });
  const found = new Set(names.filter((name) => name !== undefined));
  return [...found].filter((name) => !env[name] && !isSet(dotenvText ?? '', name));
}

/** What else a `.env.example` of camp's names, such as the secret of a session, and nobody sets. */
export function promisedSecrets(
  exampleText: string | undefined,
  dotenvText: string | undefined,
  env: NodeJS.ProcessEnv = {},
): readonly string[] {
  if (!exampleText?.startsWith(exampleHead)) return [];
  const names = [...exampleText.matchAll(/^(\w+_(?:PASSWORD|SECRET))=[ \t]*\r?$/gm)].map(([, name = '']) => name);
  return names.filter((name) => !env[name] && !isSet(dotenvText ?? '', name));
}

function pairsOf(environment: unknown): readonly (readonly [string, string])[] {
  if (Array.isArray(environment))
    return environment.map(String).map((line): readonly [string, string] => {
      const equals = line.indexOf('=');
      return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
    });
  return isRecord(environment) ? Object.entries(environment).map(([key, value]) => [key, String(value ?? '')]) : [];
}

/** An empty value is none: what `cp .env.example .env` leaves is to be filled in. */
function isSet(dotenvText: string, name: string): boolean {
  const values = [...dotenvText.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*[=:][ \t]*(.*?)[ \t]*\r?$/gm)]
    .filter(([, key]) => key === name)
    .map(([, , value = '']) => value.replace(/^(['"])(.*)\1$/, '$2').replace(/^#.*/, ''));
  return (values.at(-1) ?? '') !== '';
}

/** The files that a secret concerns, as they are now. */
export interface SecretFiles {
  /** `.env` */
  readonly dotenv: string | undefined;
  /** `.env.example` */
  readonly example: string | undefined;
  /** `.gitignore` */
  readonly ignore: string | undefined;
}

/**
 * Sets each name that `.env` does not set to a new secret; the file is made 0600, one that is there keeps its mode
 * and every byte. `.env.example` gets the names, and git is told to ignore `.env`.
 */
export function secretChanges(
  names: readonly string[],
  files: SecretFiles,
  secret: () => string = newSecret,
): readonly Change[] {
  if (names.length === 0) return [];
  const unset = names.filter((name) => !isSet(files.dotenv ?? '', name));
  const named = names.filter((name) => !new RegExp(`^\\s*#?\\s*${name}\\s*=`, 'm').test(files.example ?? ''));
  const dotenvLines = unset.map((name) => `${name}=${secret()}`);
  return [
    ...(unset.length > 0
      ? [{ ...appended('.env', files.dotenv, dotenvHead, dotenvLines), mode: 0o600, isSecret: true as const }]
      : []),
    ...(named.length > 0
      ? [
          appended(
            '.env.example',
            files.example,
            exampleHead,
            named.map((name) => `${name}=`),
          ),
        ]
      : []),
    ...ignoreChanges(files.ignore),
  ];
}

const dotenvHead = '# Passwords of this machine: not for git. .env.example has their names.';
const exampleHead = '# What .env sets. camp up makes passwords for those that are missing.';

function ignoreChanges(ignore: string | undefined): readonly Change[] {
  if (ignore !== undefined && /^\/?(?:\*?\.env\*?|\.\*)[ \t]*\r?$/m.test(ignore)) return [];
  return [appended('.gitignore', ignore, undefined, ignore === undefined ? ['.camp/', '.env'] : ['.env'])];
}

function appended(
  path: string,
  before: string | undefined,
  head: string | undefined,
  lines: readonly string[],
): Change {
  if (before === undefined) return { path, after: `${[...(head ? [head] : []), ...lines].join('\n')}\n` };
  const isOpen = before !== '' && !before.endsWith('\n');
  return { path, before, after: insertLines(before, before.length, lines) + (isOpen ? lineEndOf(before) : '') };
}
