import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fail } from '../../../kit/failure.ts';
import { makeFolder } from '../../../kit/files.ts';
import { runCommand } from '../../../kit/spawn.ts';
import type { NotRoot } from './not-root.ts';
import type { Login, Site } from './types.ts';

interface Fresh {
  readonly site: Site;
  /** The data, before anybody else sees them. */
  readonly folder: string;
  readonly as: NotRoot;
  readonly login: Login;
}

/**
 * Runs what is mounted at /docker-entrypoint-initdb.d, as the image does: in the order of names, against a server that
 * only a socket leads to. Throws INIT_SCRIPT (project) for one that fails, NO_PSQL (machine) where there is no psql.
 */
export async function runInitScripts(fresh: Fresh, signal: AbortSignal): Promise<void> {
  const scripts = fresh.site.image.initScripts.flatMap(filesOf).filter((path) => /\.(?:sql|sql\.gz|sh)$/.test(path));
  if (scripts.length === 0) return;
  const { site } = fresh;
  if (!hasPsql(site))
    fail(
      'machine',
      'NO_PSQL',
      `service "${site.service.name}" has scripts in /docker-entrypoint-initdb.d, and psql, which runs them, is not here`,
      {
        hints: ['apt-get install postgresql-client', 'camp up --docker'],
        evidence: scripts,
        source: site.service.source,
      },
    );
  makeFolder(site.run, 0o700);
  // the path of a socket has room for 107 characters
  const sockets = mkdtempSync(join(site.run.length < 70 ? site.run : tmpdir(), 'init-'));
  const server = await startServer(fresh, sockets, signal);
  try {
    for (const script of scripts) await runOne(fresh, script, sockets, signal);
  } finally {
    await server.stop();
    rmSync(sockets, { recursive: true, force: true });
  }
}

function filesOf(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .map((name) => join(path, name));
}

function pathOf(site: Site): string {
  return [site.program.bin, site.env['PATH'] ?? ''].join(delimiter);
}

function hasPsql(site: Site): boolean {
  return pathOf(site)
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, 'psql')));
}

async function startServer(
  { site, folder, as }: Fresh,
  sockets: string,
  signal: AbortSignal,
): Promise<{ stop(): Promise<void> }> {
  const settings = ['listen_addresses=', `unix_socket_directories=${sockets}`, 'fsync=off'];
  // scripts come in by the socket without a password, in this run alone
  const hba = join(sockets, 'hba.conf');
  writeFileSync(hba, 'local all all trust\n', { mode: 0o644 });
  settings.push(`hba_file=${hba}`);
  if (as.owner) await runCommand(['chown', '-R', `${as.owner.uid}:${as.owner.gid}`, sockets], { timeoutMs: 5000 });
  const command = [...as.prefix, site.program.path, '-D', folder, ...settings.flatMap((one) => ['-c', one])];
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, {
    cwd: sockets,
    env: { ...site.env, ...site.program.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => lines.push(chunk.toString('utf8')));
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGINT');
    await ended;
  };
  const socket = join(sockets, '.s.PGSQL.5432');
  const deadline = performance.now() + 30_000;
  while (!existsSync(socket) || !lines.join('').includes('ready to accept connections')) {
    if (signal.aborted || child.exitCode !== null || performance.now() > deadline) {
      await stop();
      signal.throwIfAborted();
      fail('machine', 'DATA_NOT_MADE', `PostgreSQL did not start for the scripts of service "${site.service.name}"`, {
        hints: ['camp up --docker'],
        evidence: lines.join('').split('\n').slice(-10),
      });
    }
    await delay(10);
  }
  return { stop };
}

async function runOne({ site, login }: Fresh, script: string, sockets: string, signal: AbortSignal): Promise<void> {
  const psql = 'psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --quiet';
  const argv = script.endsWith('.sh')
    ? ['bash', script]
    : ['sh', '-c', script.endsWith('.gz') ? `gunzip -c -- "$1" | ${psql}` : `${psql} -f "$1"`, 'sh', script];
  const { POSTGRES_PASSWORD: _, ...declared } = site.service.env;
  const { exitCode, stdout, stderr } = await runCommand(argv, {
    cwd: sockets,
    env: {
      ...site.env,
      ...site.program.env,
      ...declared,
      ...(login.password === undefined ? {} : { POSTGRES_PASSWORD: login.password }),
      POSTGRES_USER: login.user ?? '',
      POSTGRES_DB: login.database ?? '',
      PATH: pathOf(site),
      PGHOST: sockets,
      PGUSER: login.user ?? '',
      PGDATABASE: login.database ?? '',
    },
    timeoutMs: 10 * 60_000,
    signal,
  });
  signal.throwIfAborted();
  if (exitCode === 0) return;
  fail('project', 'INIT_SCRIPT', `the script ${script} of service "${site.service.name}" ended with code ${exitCode}`, {
    hints: ['correct it and run camp up again: the data are made anew, from the beginning'],
    evidence: `${stdout}\n${stderr}`.split('\n').filter(Boolean).slice(-12),
    source: site.service.source,
  });
}
