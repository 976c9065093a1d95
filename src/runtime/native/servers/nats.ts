import { basename } from 'node:path';
import { type Failure, failure } from '../../../kit/failure.ts';
import type { ProbeAnswer } from '../../probe.ts';
import { sayLeftOut, writeConfig } from './config-file.ts';
import { damaged, diskFull } from './data.ts';
import { exchange } from './exchange.ts';
import type { Launch, ServerKind, Site } from './types.ts';

/** NATS as a process of this machine, configured as its image's command says. */
export const nats: ServerKind = {
  title: 'NATS',
  stopSignal: 'SIGTERM',
  isBoundToMajor: false,
  loginOf: () => ({}),
  make: async () => undefined,
  launch,
  ask: (site, address, timeoutMs) => exchange(address, undefined, judgeFor(site), timeoutMs),
  explain,
};

/** Its flags by their long names; `value` where a word follows. */
const flags: Readonly<Record<string, { readonly name: string; readonly isValue?: true }>> = {
  js: { name: 'jetstream' },
  jetstream: { name: 'jetstream' },
  sd: { name: 'store_dir', isValue: true },
  store_dir: { name: 'store_dir', isValue: true },
  n: { name: 'name', isValue: true },
  name: { name: 'name', isValue: true },
  server_name: { name: 'name', isValue: true },
  user: { name: 'user', isValue: true },
  pass: { name: 'pass', isValue: true },
  auth: { name: 'auth', isValue: true },
  D: { name: 'debug' },
  debug: { name: 'debug' },
  V: { name: 'trace' },
  trace: { name: 'trace' },
  DV: { name: 'debug_trace' },
  p: { name: 'port', isValue: true },
  port: { name: 'port', isValue: true },
  a: { name: 'addr', isValue: true },
  addr: { name: 'addr', isValue: true },
  net: { name: 'addr', isValue: true },
  m: { name: 'monitor', isValue: true },
  http_port: { name: 'monitor', isValue: true },
};

/** Of the container: its address, and the port of its monitor, which nothing here is told of. */
const silent = new Set(['port', 'addr', 'monitor']);

interface Asked {
  /** By the names above; a flag without a value is `true`. */
  readonly known: ReadonlyMap<string, string | true>;
  readonly unknown: readonly string[];
}

function askedOf({ image: { command } }: Site): Asked {
  const words = basename(command[0] ?? '') === 'nats-server' ? command.slice(1) : [...command];
  const known = new Map<string, string | true>();
  const unknown: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const [, key = '', joined] = /^--?([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const flag = Object.hasOwn(flags, key) ? flags[key] : undefined;
    if (flag?.isValue) known.set(flag.name, joined ?? words[++i] ?? '');
    else if (flag && joined !== 'false') known.set(flag.name, true);
    else if (!flag) unknown.push(word);
  }
  return { known, unknown };
}

async function launch(site: Site, port: number): Promise<Launch> {
  const { known, unknown } = askedOf(site);
  for (const word of unknown) sayLeftOut(site, word);
  const text = (name: string): string | undefined => {
    const value = known.get(name);
    return typeof value === 'string' && !silent.has(name) ? value : undefined;
  };
  const logins = [
    ['user', text('user')],
    ['password', text('pass')],
    ['token', text('auth')],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`  ${name}: ${JSON.stringify(value)}`]));
  const isDebug = known.has('debug') || known.has('debug_trace');
  const isTrace = known.has('trace') || known.has('debug_trace');
  const config = writeConfig(site, 'conf', [
    `listen: "127.0.0.1:${port}"`,
    `server_name: ${JSON.stringify(text('name') ?? site.service.name)}`,
    ...(known.has('jetstream') ? [`jetstream {\n  store_dir: ${JSON.stringify(site.folder)}\n}`] : []),
    ...(logins.length > 0 ? ['authorization {', ...logins, '}'] : []),
    ...(isDebug ? ['debug: true'] : []),
    ...(isTrace ? ['trace: true'] : []),
  ]);
  return {
    argv: [site.program.path, '-c', config],
    cwd: site.folder,
    env: { ...site.env, ...site.program.env },
  };
}

/** It greets with INFO; after CONNECT it answers PING with PONG. With JetStream asked for, the greeting says that it is on. */
function judgeFor(site: Site): (answer: Buffer, say: (words: string) => void) => ProbeAnswer | undefined {
  let isAsked = false;
  const isWithStream = askedOf(site).known.has('jetstream');
  return (answer, say) => {
    const lines = answer.toString('utf8').split('\r\n').slice(0, -1);
    const [info] = lines;
    if (info === undefined) return undefined;
    if (!info.startsWith('INFO ')) return { isReady: false, said: 'it does not speak the protocol of NATS' };
    if (isWithStream && !/"jetstream":\s*true/.test(info)) return { isReady: false, said: 'JetStream is not on yet' };
    if (!isAsked) say(`CONNECT ${JSON.stringify({ verbose: false, pedantic: false, ...loginOf(site) })}\r\nPING\r\n`);
    isAsked = true;
    if (lines.includes('PONG')) return { isReady: true, said: 'PING was answered with PONG' };
    const refused = lines.find((line) => line.startsWith('-ERR'));
    return refused === undefined ? undefined : { isReady: /Authorization/i.test(refused), said: refused };
  };
}

function loginOf(site: Site): Record<string, string> {
  const { known } = askedOf(site);
  const entries = [
    ['user', known.get('user')],
    ['pass', known.get('pass')],
    ['auth_token', known.get('auth')],
  ] as const;
  return Object.fromEntries(entries.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
}

function explain(site: Site, lines: readonly string[]): Failure | undefined {
  const fatal = lines.filter((line) => /\[FTL\]|\[ERR\]|^nats-server: /.test(line));
  const full = diskFull(site, fatal);
  if (full) return full;
  if (
    fatal.some((line) =>
      /Can't start JetStream|could not create storage directory|error recovering|permission denied/i.test(line),
    )
  )
    return damaged(site, nats, fatal);
  if (fatal.some((line) => /^nats-server: |error parsing|unknown field/i.test(line)))
    return failure(
      'project',
      'SERVER_REFUSED',
      `NATS ${site.program.version} does not take the command of service "${site.service.name}"`,
      {
        hints: [`correct command: under ${site.service.name} in compose.yaml`, 'camp up --docker'],
        evidence: fatal,
        source: site.service.source,
      },
    );
  return undefined;
}
