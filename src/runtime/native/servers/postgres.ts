import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ms } from '../../../kit/events.ts';
import { CampError, type Failure, fail, failure } from '../../../kit/failure.ts';
import { readText } from '../../../kit/files.ts';
import { runCommand } from '../../../kit/spawn.ts';
import type { Address, ProbeAnswer } from '../../probe.ts';
import { damaged, diskFull } from './data.ts';
import { exchange } from './exchange.ts';
import { runInitScripts } from './init-scripts.ts';
import { type NotRoot, notRoot } from './not-root.ts';
import { flush, newCluster } from './template.ts';
import type { Launch, Login, ServerKind, Site } from './types.ts';
import { told, versionFile } from './variables.ts';

/** Small, for many servers on one machine; what is acknowledged is on the disk all the same (fsync stays on). */
const settings = ['shared_buffers=16MB', 'max_connections=50', 'wal_buffers=1MB'];

/** PostgreSQL as a process of this machine, with the user, database and password that its image would make. */
export const postgres: ServerKind = {
  title: 'PostgreSQL',
  // fast: sessions are ended, data are written, no client is waited for
  stopSignal: 'SIGINT',
  isBoundToMajor: true,
  loginOf,
  majorOfData: (folder) => Number.parseInt(readText(join(folder, versionFile)) ?? '', 10) || undefined,
  make,
  launch,
  ask,
  explain,
};

interface PostgresLogin extends Login {
  readonly user: string;
  readonly database: string;
}

function loginOf(site: Site): PostgresLogin {
  const user = site.told(told.postgresUser) ?? 'postgres';
  const database = site.told(told.postgresDatabase) ?? user;
  const password = site.told(told.postgresPassword);
  if (password === undefined && !isTrusting(site))
    fail(
      'project',
      'NO_PASSWORD',
      `service "${site.service.name}" has no POSTGRES_PASSWORD: its image would not start either`,
      {
        hints: [
          `POSTGRES_PASSWORD: \${${variableOf(site)}} under ${site.service.name}, and a line ${variableOf(site)}=… in .env`,
        ],
        source: site.service.source,
      },
    );
  return { user, database, ...(password === undefined ? {} : { password }) };
}

function variableOf({ service }: Site): string {
  return `${service.name.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}_PASSWORD`;
}

function isTrusting(site: Site): boolean {
  return site.told(told.postgresHostMethod) === 'trust';
}

async function make(site: Site, folder: string, login: Login, signal: AbortSignal): Promise<void> {
  const as = await notRoot('PostgreSQL');
  await newCluster(site, folder, as, signal);
  writeFileSync(join(folder, 'pg_hba.conf'), hostsOf(site), { mode: 0o600 });
  await single(site, folder, as, statementsFor(login as PostgresLogin), signal);
  if (site.image.initScripts.length > 0) await runInitScripts({ site, folder, as, login }, signal);
  await flush(site, folder, as, signal);
}

/** Who connects shows the password, as the image asks it of everybody on the network. */
function hostsOf(site: Site): string {
  const method = isTrusting(site) ? 'trust' : 'scram-sha-256';
  return ['127.0.0.1/32', '::1/128']
    .map((range) => `host all all ${range} ${method}\nhost replication all ${range} ${method}\n`)
    .join('');
}

/**
 * The image's own superuser has the name that POSTGRES_USER says: the one that the template was made with is renamed.
 * A statement is one line.
 */
function statementsFor({ user, database, password }: PostgresLogin): readonly string[] {
  return [
    ...(user === 'postgres' ? [] : [`UPDATE pg_authid SET rolname = ${literal(user)} WHERE oid = 10`]),
    password === undefined
      ? `ALTER ROLE ${name(user)} PASSWORD NULL`
      : `ALTER ROLE ${name(user)} PASSWORD ${literal(password)}`,
    ...(database === 'postgres' ? [] : [`CREATE DATABASE ${name(database)}`]),
  ];
}

function literal(text: string): string {
  const escaped = text.replace(/[\\']/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r');
  return `E'${escaped}'`;
}

function name(text: string): string {
  return `U&"${text.replace(/["\\]/g, '$&$&').replace(/[\n\r]/g, (char) => (char === '\n' ? '\\000a' : '\\000d'))}"`;
}

/** Statements by the server itself, without a network: a password is only ever in a pipe. */
async function single(
  site: Site,
  folder: string,
  as: NotRoot,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { service, program, env } = site;
  const argv = [...as.prefix, program.path, '--single', '-F', '-D', folder, '-c', 'log_checkpoints=off', 'template1'];
  const { stdout, stderr, exitCode } = await runCommand(argv, {
    env: { ...env, ...program.env, LC_ALL: 'C' },
    timeoutMs: 60_000,
    signal,
    input: `${statements.join('\n')}\n`,
  });
  signal.throwIfAborted();
  const wrong = stderr.split('\n').filter((line) => /(?:ERROR|FATAL|PANIC):/.test(line));
  if (exitCode === 0 && wrong.length === 0) return;
  const lines = [
    ...wrong,
    ...`${stdout}\n${stderr}`
      .split('\n')
      .filter((line) => !/STATEMENT:|backend>/.test(line))
      .slice(-8),
  ];
  throw new CampError(
    diskFull(site, lines) ??
      failure(
        'machine',
        'DATA_NOT_MADE',
        `PostgreSQL could not make the user and database of service "${service.name}"`,
        {
          hints: [`POSTGRES_USER and POSTGRES_DB of ${service.name}: letters, digits and _ are safe`, 'camp doctor'],
          evidence: lines,
          source: service.source,
        },
      ),
  );
}

async function launch(site: Site, port: number): Promise<Launch> {
  const as = await notRoot('PostgreSQL');
  const own = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    // whoever could reach a socket in a folder of everybody's would not need the network
    'unix_socket_directories=',
    ...(isTrusting(site) ? [] : ['password_encryption=scram-sha-256']),
  ];
  return {
    argv: [...as.prefix, site.program.path, '-D', site.folder, ...given(settings), ...argumentsOf(site), ...given(own)],
    cwd: site.folder,
    env: { ...site.env, ...site.program.env },
  };
}

/** What the last one says counts: the project's own settings come after camp's, where it listens after those. */
function given(all: readonly string[]): readonly string[] {
  return all.flatMap((each) => ['-c', each]);
}

/** Settings of `command: postgres -c …`. What belongs to the container's folders and ports is left out, and said. */
function argumentsOf(site: Site): readonly string[] {
  const words = site.image.command[0] === 'postgres' ? site.image.command.slice(1) : site.image.command;
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    const setting = word === '-c' ? words[++i] : /^(?:-c|--)(?=\w)(.+)$/.exec(word)?.[1];
    const value = /^-[BNFS]$/.test(word) ? [word, words[++i] ?? ''] : undefined;
    if (value) kept.push(...value);
    else if (setting !== undefined && !isContainersOwn(setting))
      kept.push(
        '-c',
        setting.replaceAll(/^[\w-]+/g, (key) => key.replaceAll('-', '_')),
      );
    else
      site.say(
        `${site.service.name}: ${[word, setting === undefined || word !== '-c' ? '' : setting].join(' ').trim()} of its command is left out without a container`,
      );
  }
  return kept;
}

const containersOwn =
  /^(?:data_directory|config_file|hba_file|ident_file|external_pid_file|listen_addresses|port|unix_socket\w*|ssl\w*|log_directory|logging_collector|shared_preload_libraries)\b/;

function isContainersOwn(setting: string): boolean {
  return containersOwn.test(setting.replaceAll('-', '_'));
}

/**
 * Whoever connects while it starts up is refused, with a line in its log: until its lock file says that it is ready, as
 * pg_ctl reads it, that is spared. The answer on the network is what counts.
 */
async function ask(site: Site, address: Address, timeoutMs: Ms): Promise<ProbeAnswer> {
  const state = readText(join(site.folder, 'postmaster.pid'))?.split('\n')[7]?.trim();
  if (state === 'starting' || state === undefined) return { isReady: false, said: 'PostgreSQL starts up' };
  return exchange(address, startupMessage(loginOf(site)), judge, timeoutMs);
}

/** Protocol 3.0: length, version, parameters. */
function startupMessage({ user, database }: PostgresLogin): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, parameters]);
}

/** `R` asks for the password; `E` with 57P03 says that it starts up, or is being stopped. */
function judge(answer: Buffer): ProbeAnswer | undefined {
  if (answer.length < 5) return undefined;
  const kind = String.fromCharCode(answer[0] ?? 0);
  if (kind === 'R') return { isReady: true, said: 'PostgreSQL asks for the password' };
  if (kind !== 'E') return { isReady: false, said: 'it does not speak the protocol of PostgreSQL' };
  if (answer.length < 1 + answer.readInt32BE(1)) return undefined;
  const fields = new Map(
    answer
      .subarray(5)
      .toString('utf8')
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  return { isReady: fields.get('C') !== '57P03', said: `PostgreSQL says: ${fields.get('M')} (${fields.get('C')})` };
}

const unreadable =
  /is not a valid data directory|could not find the database system|could not open file "global\/pg_control"|could not locate a valid checkpoint|invalid checkpoint record|invalid (?:primary|secondary) checkpoint|incorrect checksum in control file|could not read file "global\/|(?:could not open|missing) file "PG_VERSION"|could not find redo location|data directory "[^"]*" does not exist/;

/** Lines of its log that say why; before it can log at all, it says so as a program does. */
const isOfTrouble = /(?:FATAL|PANIC|ERROR|DETAIL|HINT):|^postgres: |^Expected to find it|^but could not/;

function explain(site: Site, lines: readonly string[]): Failure | undefined {
  const { name: service, source } = site.service;
  const said = lines.filter((line) => isOfTrouble.test(line));
  const full = diskFull(site, said);
  if (full) return full;
  if (said.some((line) => /database files are incompatible with server/.test(line)))
    return failure(
      'machine',
      'DATA_VERSION',
      `the data of service "${service}" are of another version than PostgreSQL ${site.program.version}`,
      {
        hints: [`the version that made them, as image: postgres:… under ${service} in compose.yaml`],
        evidence: [`data: ${site.folder}`, ...said],
        source,
      },
    );
  if (said.some((line) => /lock file "postmaster\.pid" already exists|pre-existing shared memory block/.test(line)))
    return failure('machine', 'DATA_IN_USE', `another PostgreSQL uses the data of service "${service}"`, {
      hints: [`cat ${join(site.folder, 'postmaster.pid')}`, 'stop it: the first line is its pid'],
      evidence: [`data: ${site.folder}`, ...said],
    });
  if (said.some((line) => /has wrong ownership|has invalid permissions|Permission denied/.test(line)))
    return failure('machine', 'DATA_FOREIGN', `PostgreSQL may not use the data of service "${service}"`, {
      hints: [`chmod -R go-rwx ${site.folder}`, `sudo chown -R "$(id -u):$(id -g)" ${site.folder}`],
      evidence: [`data: ${site.folder}`, ...said],
    });
  return said.some((line) => unreadable.test(line)) ? damaged(site, postgres, said) : undefined;
}
