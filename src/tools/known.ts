import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ToolName, Wish } from './types.ts';
import { minimumVersion } from './version.ts';

/** What camp knows about a program that it did not write. */
export interface KnownTool {
  readonly name: ToolName;
  /** For messages: `PostgreSQL`. */
  readonly title: string;
  /** Names of the program, any of which will do. */
  readonly programs: readonly string[];
  /** Programs that must lie beside it. */
  readonly beside: readonly string[];
  /** How to learn the version: what the program says with these arguments, or what lies in a folder of its installation. */
  readonly ask: ({ readonly args: readonly string[] } | { readonly folder: string }) & { readonly answer: RegExp };
  readonly minimum: string;
  /** Folders that are often not on PATH; a `*` stands for a version, the newest comes first. */
  readonly folders: readonly string[];
  /** Names of its packages, where one is worth naming: the system's Caddy is mostly too old. */
  readonly packages?: { readonly apt: string; readonly brew: string };
  /** Where to get it by hand. */
  readonly website: string;
}

const defaultPostgresMajor = 17;
const postgresFolders = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/Applications/Postgres.app/Contents/Versions/*/bin',
];

export const knownTools: Readonly<Record<ToolName, KnownTool>> = {
  caddy: {
    name: 'caddy',
    title: 'Caddy',
    programs: ['caddy'],
    beside: [],
    ask: { args: ['version'], answer: /^v?(\d+\.\d+\.\d+)/ },
    minimum: minimumVersion,
    folders: [],
    website: 'https://caddyserver.com/docs/install',
  },
  postgres: {
    name: 'postgres',
    title: 'PostgreSQL',
    programs: ['postgres'],
    beside: ['initdb', 'pg_ctl'],
    ask: { args: ['--version'], answer: /\(PostgreSQL\) (\d+(?:\.\d+)?)/ },
    minimum: '14.0',
    folders: postgresFolders,
    packages: { apt: 'postgresql', brew: 'postgresql@17' },
    website: 'https://www.postgresql.org/download/',
  },
  // one of any version speaks with servers of every version that is wanted
  psql: {
    name: 'psql',
    title: 'psql',
    programs: ['psql'],
    beside: [],
    ask: { args: ['--version'], answer: /\(PostgreSQL\) (\d+(?:\.\d+)?)/ },
    minimum: '10.0',
    folders: [...postgresFolders, '/opt/homebrew/opt/libpq/bin', '/usr/local/opt/libpq/bin'],
    packages: { apt: 'postgresql-client', brew: 'libpq' },
    website: 'https://www.postgresql.org/download/',
  },
  redis: {
    name: 'redis',
    title: 'Redis or Valkey',
    programs: ['redis-server', 'valkey-server'],
    beside: [],
    ask: { args: ['--version'], answer: /\bv=(\d+\.\d+\.\d+)/ },
    minimum: '6.0.0',
    folders: ['/usr/bin', '/opt/homebrew/bin', '/usr/local/bin'],
    packages: { apt: 'redis-server', brew: 'redis' },
    website: 'https://redis.io/docs/latest/operate/oss_and_stack/install/',
  },
  nats: {
    name: 'nats',
    title: 'nats-server',
    programs: ['nats-server'],
    beside: [],
    ask: { args: ['--version'], answer: /\bv?(\d+\.\d+\.\d+)/ },
    // JetStream's consumers with several filters came with it
    minimum: '2.10.0',
    folders: ['/usr/sbin', '/opt/homebrew/bin', '/usr/local/bin'],
    packages: { apt: 'nats-server', brew: 'nats-server' },
    website: 'https://docs.nats.io/running-a-nats-service/introduction/installation',
  },
  rabbitmq: {
    name: 'rabbitmq',
    title: 'RabbitMQ',
    programs: ['rabbitmq-server'],
    beside: ['rabbitmqctl', 'rabbitmq-diagnostics'],
    // not asked: its rabbitmqctl leaves a name server behind that listens on every address
    ask: { folder: '../plugins', answer: /^rabbit-(\d+\.\d+\.\d+)/m },
    minimum: '3.9.0',
    // before PATH's, which on Debian are wrappers for root alone
    folders: ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin', '/usr/local/sbin'],
    packages: { apt: 'rabbitmq-server', brew: 'rabbitmq' },
    website: 'https://www.rabbitmq.com/docs/download',
  },
};

/** The major version that is looked for; undefined where any that is new enough will do. */
export function wantedMajor(name: ToolName, wish: Wish): number | undefined {
  return name === 'postgres' ? (wish.major ?? defaultPostgresMajor) : undefined;
}

/** The well-known folders of a tool that are there, the newest version first. */
export function systemFolders(name: ToolName): readonly string[] {
  return knownTools[name].folders.flatMap((pattern) => {
    const [before = '', after] = pattern.split('*');
    if (after === undefined) return [pattern];
    const slash = before.lastIndexOf('/') + 1;
    const [parent, prefix] = [before.slice(0, slash), before.slice(slash)];
    const versions = namesIn(parent)
      .filter((one) => one.startsWith(prefix) && Number(one.slice(prefix.length)) > 0)
      .map((one) => one.slice(prefix.length));
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(parent, prefix + version + after));
  });
}

/** What lies in a folder; nothing where there is none. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The version in what a program says of itself: `2.11.4` of `v2.11.4 h1:...`, `17.10` of `postgres (PostgreSQL) 17.10`. */
export function versionIn({ ask }: KnownTool, output: string): string | undefined {
  return ask.answer.exec(output.trim())?.[1];
}

/** The one command that helps, where the system has one for it. */
export function installHint({ title, packages, website }: KnownTool): string {
  if (packages && process.platform === 'darwin') return `brew install ${packages.brew}`;
  if (packages && existsSync('/usr/bin/apt-get')) return `sudo apt-get install ${packages.apt}`;
  return `install ${title} and run the command again: ${website}`;
}
