import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CampError, fail, failure } from '../../../kit/failure.ts';
import { makeFolder } from '../../../kit/files.ts';
import { hashOf } from '../../../kit/hash.ts';
import { runCommand } from '../../../kit/spawn.ts';
import { diskFull } from './data.ts';
import type { NotRoot } from './not-root.ts';
import type { Site } from './types.ts';
import { versionFile } from './variables.ts';

/** How a database cluster is made: text is UTF-8, as the image makes it. Who may connect is written for each copy. */
const initArguments = '--username=postgres --encoding=UTF8 --auth=trust --no-instructions --no-sync'.split(' ');

/** The user's own language decides nothing here: data are the same on every machine. */
const locales = process.platform === 'darwin' ? ['en_US.UTF-8', 'C'] : ['C.UTF-8', 'C'];

const initTimeoutMs = 120_000;

/**
 * Fills an empty folder with a database cluster that has no password yet. `initdb` takes half a second or more and
 * always makes the same, so it is run once for each version, into the user's cache, and copied from there.
 */
export async function newCluster(site: Site, folder: string, as: NotRoot, signal: AbortSignal): Promise<void> {
  const template = await templateOf(site, as, signal);
  // where the file system can share blocks nothing is copied at all
  const clone = process.platform === 'darwin' ? ['cp', '-a', '-c'] : ['cp', '-a', '--reflink=auto'];
  const copied = await command(site, [...clone, `${template}/.`, folder], signal);
  if (copied.exitCode !== 0) {
    const plain = await command(site, ['cp', '-R', '-p', `${template}/.`, folder], signal);
    if (plain.exitCode !== 0) throw cannotMake(site, 'cp', plain.lines);
  }
  if (as.owner) await command(site, ['chown', '-R', `${as.owner.uid}:${as.owner.gid}`, folder], signal);
}

/**
 * Writes a folder that has been filled without waiting for the disk through to it: its whole file system at once where
 * that can be asked for (coreutils), which takes one turn of the disk instead of a thousand.
 */
export async function flush(site: Site, folder: string, as: NotRoot, signal: AbortSignal): Promise<void> {
  if (process.platform === 'linux') {
    const { exitCode } = await runCommand(['sync', '-f', folder], { env: site.env, timeoutMs: initTimeoutMs, signal });
    signal.throwIfAborted();
    if (exitCode === 0) return;
  }
  const flushed = await command(site, [...as.prefix, join(site.program.bin, 'initdb'), '--sync-only', folder], signal);
  if (flushed.exitCode !== 0) throw cannotMake(site, 'initdb --sync-only', flushed.lines);
}

async function templateOf(site: Site, as: NotRoot, signal: AbortSignal): Promise<string> {
  const { version, path } = site.program;
  const name = `postgres-${version.replace(/[^\w.]+/g, '-')}-${hashOf({ path, initArguments, locales, owner: as.owner })}`;
  const template = join(site.cache, name);
  if (existsSync(join(template, versionFile))) return template;
  makeFolder(site.cache, 0o700);
  for (const entry of readdirSync(site.cache))
    if (entry.startsWith(`.new-${name}-`) && !isMadeNow(entry))
      rmSync(join(site.cache, entry), { recursive: true, force: true });
  const half = join(site.cache, `.new-${name}-${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    await initdb(site, half, as, signal);
    renameSync(half, template);
  } catch (error) {
    rmSync(half, { recursive: true, force: true });
    // another project has made it in this moment
    if (!existsSync(join(template, versionFile))) throw error;
  }
  return template;
}

/** Whether the process that its name tells of is alive: what a killed one has left is of no use. */
function isMadeNow(entry: string): boolean {
  try {
    process.kill(Number(/-(\d+)-[0-9a-f]{8}$/.exec(entry)?.[1] ?? 0), 0);
    return true;
  } catch {
    return false;
  }
}

async function initdb(site: Site, folder: string, as: NotRoot, signal: AbortSignal): Promise<void> {
  makeFolder(folder, 0o700);
  if (as.owner) await command(site, ['chown', `${as.owner.uid}:${as.owner.gid}`, folder], signal);
  const program = join(site.program.bin, 'initdb');
  let said: readonly string[] = [];
  for (const locale of locales) {
    const argv = [...as.prefix, program, '-D', folder, `--locale=${locale}`, ...initArguments];
    const { exitCode, lines } = await command(site, argv, signal);
    if (exitCode === 0) return;
    said = lines;
    if (!lines.some((line) => /invalid locale/i.test(line))) break;
    for (const entry of existsSync(folder) ? readdirSync(folder) : []) rmSync(join(folder, entry), { recursive: true });
  }
  throw cannotMake(site, program, said);
}

function cannotMake(site: Site, what: string, lines: readonly string[]): CampError {
  return new CampError(
    diskFull(site, lines) ??
      failure(
        'machine',
        'DATA_NOT_MADE',
        `${basename(what)} could not make the data of service "${site.service.name}"`,
        {
          hints: [`ls -ld ${dirname(site.folder)}`, 'camp doctor'],
          evidence: [`command: ${what}`, ...lines.slice(-12)],
        },
      ),
  );
}

/** Runs one of the programs that make data; what it says is told in English. */
async function command(
  site: Site,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly exitCode: number; readonly lines: readonly string[] }> {
  const env = { ...site.env, ...site.program.env, LC_ALL: 'C' };
  const result = await runCommand(argv, {
    cwd: dirname(site.folder),
    env,
    timeoutMs: initTimeoutMs,
    signal,
  });
  signal.throwIfAborted();
  if (result.errno === 'ENOENT') fail('machine', 'NO_SERVER', `${argv[0]} is not there`, { hints: ['camp doctor'] });
  return { exitCode: result.exitCode, lines: `${result.stdout}\n${result.stderr}`.split('\n').filter(Boolean) };
}
