import { basename } from 'node:path';
import { type Failure, failure } from '../../../kit/failure.ts';
import type { ProbeAnswer } from '../../probe.ts';
import { sayLeftOut, writeConfig } from './config-file.ts';
import { damaged, diskFull } from './data.ts';
import { exchange } from './exchange.ts';
import type { Launch, ServerKind, Site } from './types.ts';

/** Redis or Valkey as a process of this machine, configured as its image's command says. */
export const redis: ServerKind = {
  title: 'Redis',
  stopSignal: 'SIGTERM',
  isBoundToMajor: false,
  // anybody who reaches it may use it, unless the command says a password: that is configuration, not data
  loginOf: () => ({}),
  make: async () => undefined,
  launch,
  ask: (site, address, timeoutMs) => exchange(address, greeting(site), judge, timeoutMs),
  explain,
};

/** What camp decides itself. */
const own = new Set(
  `dir port bind unixsocket unixsocketperm daemonize pidfile supervised tls-port protected-mode set-proc-title`.split(
    ' ',
  ),
);
/** What means files or folders of the container. */
const containersOwn = new Set(
  'logfile aclfile include loadmodule cluster-enabled cluster-config-file replicaof slaveof'.split(' '),
);

interface Setting {
  readonly name: string;
  readonly values: readonly string[];
}

/** `redis-server --appendonly yes --save 60 1`: each `--name` with the words up to the next one. */
function settingsOf({ image: { command } }: Site): readonly Setting[] {
  const words = /^(?:redis|valkey)-server$/.test(basename(command[0] ?? '')) ? command.slice(1) : command;
  const settings: { name: string; values: string[] }[] = [];
  for (const word of words) {
    if (word.startsWith('--')) {
      const [, name = '', value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
      settings.push({ name: name.toLowerCase(), values: value === undefined ? [] : [value] });
    } else if (settings.length > 0) settings.at(-1)?.values.push(word);
    else settings.push({ name: word, values: [] });
  }
  return settings;
}

function passwordOf(site: Site): string | undefined {
  return settingsOf(site).findLast(({ name }) => name === 'requirepass')?.values[0] || undefined;
}

async function launch(site: Site, port: number): Promise<Launch> {
  const kept = settingsOf(site).filter(({ name, values }) => {
    const isKept = /^[a-z][\w-]*$/.test(name) && !own.has(name) && !containersOwn.has(name);
    if (!isKept && !own.has(name)) sayLeftOut(site, [`--${name}`, ...values].join(' '));
    return isKept;
  });
  const config = writeConfig(site, 'conf', [
    ...kept.map(({ name, values }) => [name, ...values.map(quoted)].join(' ')),
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${quoted(site.folder)}`,
    'daemonize no',
    // a title would be written over the environment, by which camp knows its processes; Redis 6.0 has no such word
    ...(/^6\.[01]\./.test(site.program.version) ? [] : ['set-proc-title no']),
  ]);
  return {
    argv: [site.program.path, config],
    cwd: site.folder,
    env: { ...site.env, ...site.program.env },
  };
}

/** In the words of redis.conf: double quotes, with the escapes that it reads. */
function quoted(text: string): string {
  if (/^[\w./:-]+$/.test(text)) return text;
  const escaped = text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t');
  return `"${escaped}"`;
}

/** The words of a command in the protocol of Redis (RESP). */
function resp(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

function greeting(site: Site): string {
  const password = passwordOf(site);
  return `${password === undefined ? '' : resp('AUTH', password)}${resp('PING')}`;
}

/** An error of AUTH comes before the answer to PING: the last line counts. */
function judge(answer: Buffer): ProbeAnswer | undefined {
  const lines = answer.toString('utf8').split('\r\n').slice(0, -1);
  const last = lines.findLast((line) => /^[+-]/.test(line) && line !== '+OK');
  if (last === undefined)
    return lines.length > 0 && !/^[+-]/.test(lines[0] ?? '')
      ? { isReady: false, said: 'it does not speak the protocol of Redis' }
      : undefined;
  if (last === '+PONG') return { isReady: true, said: 'PING was answered with PONG' };
  // it reads its data still
  return { isReady: /^-(?:NOAUTH|WRONGPASS|NOPERM)/.test(last), said: `PING was answered with ${last.slice(1)}` };
}

const unreadable =
  /Bad file format reading the append only file|Unexpected end of file reading the append only file|Wrong signature trying to load DB|Short read or OOM loading DB|Unrecoverable error reading the append only file|AOF manifest file is|RDB file was truncated|Terminating server after rdb file reading failure|The AOF .* doesn't exist/i;

function explain(site: Site, lines: readonly string[]): Failure | undefined {
  const { name: service, source } = site.service;
  const full = diskFull(site, lines);
  if (full) return full;
  const newer = lines.find((line) => /Can't handle RDB format version/i.test(line));
  if (newer !== undefined)
    return failure(
      'machine',
      'DATA_VERSION',
      `the data of service "${service}" are of a newer Redis than ${site.program.version}`,
      {
        hints: [`install a newer Redis, or run it in a container: camp up --docker`],
        evidence: [`data: ${site.folder}`, newer, 'nothing was changed'],
        source,
      },
    );
  const config = lines.findIndex((line) => /FATAL CONFIG FILE ERROR/.test(line));
  if (config !== -1)
    return failure(
      'project',
      'SERVER_REFUSED',
      `Redis ${site.program.version} does not take the command of service "${service}"`,
      {
        hints: [`correct command: under ${service} in compose.yaml`, 'camp up --docker'],
        evidence: lines.slice(config).filter((line) => !/requirepass|masterauth/i.test(line)),
        source,
      },
    );
  const line = lines.find((one) => unreadable.test(one));
  return line === undefined ? undefined : damaged(site, redis, [line]);
}
