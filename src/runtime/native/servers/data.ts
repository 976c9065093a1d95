import { pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, readdirSync, renameSync, rmdirSync, rmSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Failure, fail, failure } from '../../../kit/failure.ts';
import { failOnDisk, makeFolder, readText, writeWhole } from '../../../kit/files.ts';
import type { Login, ServerKind, Site } from './types.ts';
import { versionFile } from './variables.ts';

/** Lies beside the data and says who made them. */
const recordName = 'camp.json';

interface DataRecord {
  readonly schema: 1;
  readonly server: string;
  /** Of the program that made the data. */
  readonly version: string;
  /** The major version that the image named then, which need not have been had. */
  readonly asked?: number;
  readonly user?: string;
  readonly database?: string;
  readonly password?: { readonly salt: string; readonly hash: string };
}

/**
 * Sees to it that a server has data that it can use: makes them where there are none, all or nothing, or looks at what
 * is there. Throws DATA_VERSION, DATA_PASSWORD, DATA_DAMAGED, DATA_FOREIGN, DISK_FULL or READ_ONLY; nothing that is
 * there is changed.
 */
export async function prepareData(site: Site, kind: ServerKind, signal: AbortSignal): Promise<void> {
  const login = kind.loginOf(site);
  if (hasData(site.folder)) return lookAt(site, kind, login);
  const parent = dirname(site.folder);
  makeFolder(parent, 0o700);
  removeHalves(parent, basename(site.folder));
  // a dot is no first character of a service's name
  const half = join(parent, `.new-${basename(site.folder)}-${randomBytes(4).toString('hex')}`);
  try {
    makeFolder(half, 0o700);
    await kind.make(site, half, login, signal);
    signal.throwIfAborted();
    writeRecord(site, half, login);
    chmodSync(half, 0o700);
    if (existsSync(site.folder)) rmdirSync(site.folder);
    renameSync(half, site.folder);
  } catch (error) {
    rmSync(half, { recursive: true, force: true });
    if (isSystemError(error)) failOnDisk(error, site.folder);
    throw error;
  }
}

/** A folder with nothing in it is none: somebody may have made it by hand. */
export function hasData(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR')
      fail('machine', 'NOT_A_FOLDER', `${folder} is not a folder, but a server's data belong there`, {
        hints: [`mv ${folder} ${folder}.old`],
      });
    return true;
  }
}

/** The major version that the program must have for data that are there, where another one stood in when they were made. */
export function majorOfRecord(folder: string, asked: number | undefined): number | undefined {
  const record = readRecord(folder);
  return record?.server === 'postgres' && record.asked === asked ? Number.parseInt(record.version, 10) : undefined;
}

/** What an attempt that was killed has left. */
function removeHalves(parent: string, name: string): void {
  for (const entry of readdirSync(parent))
    if (entry.startsWith(`.new-${name}-`) && /^[0-9a-f]{8}$/.test(entry.slice(`.new-${name}-`.length)))
      rmSync(join(parent, entry), { recursive: true, force: true });
}

function lookAt(site: Site, kind: ServerKind, login: Login): void {
  refuseForeign(site);
  const record = readRecord(site.folder);
  if (record && record.server !== site.image.name)
    fail('machine', 'DATA_FOREIGN', `the data in ${site.folder} are those of ${record.server}, not of ${kind.title}`, {
      hints: [keepAside(site), beginAnew],
      source: site.service.source,
    });
  const major = kind.majorOfData?.(site.folder);
  if (kind.isBoundToMajor && major !== undefined) refuseOtherMajor(site, kind, major);
  if (record) refuseOtherLogin(site, kind, record, login);
}

function refuseOtherMajor(site: Site, kind: ServerKind, major: number): void {
  const here = Number.parseInt(site.program.version, 10);
  if (major === here) return;
  const { name } = site.service;
  const age = major > here ? 'newer' : 'older';
  fail(
    'machine',
    'DATA_VERSION',
    `the data of service "${name}" are of ${kind.title} ${major}, ${age} than the ${site.program.version} that would run`,
    {
      hints: [
        `image: ${site.image.name}:${major} under ${name} in compose.yaml`,
        `or move the data: dump them with ${kind.title} ${major}, camp down --data, and restore the dump`,
      ],
      evidence: [
        `${join(site.folder, versionFile)}: ${major}`,
        `${site.program.path}: ${site.program.version}`,
        'nothing was changed',
      ],
      source: site.service.source,
    },
  );
}

function refuseOtherLogin(site: Site, kind: ServerKind, record: DataRecord, login: Login): void {
  const { name } = site.service;
  const changed = (['user', 'database'] as const).find(
    (key) => record[key] !== undefined && record[key] !== login[key],
  );
  if (changed)
    failPassword(
      site,
      `the data of service "${name}" were made for the ${changed} ${record[changed]}, not ${login[changed]}`,
    );
  if (!record.password && login.password === undefined) return;
  const isSame =
    record.password !== undefined &&
    login.password !== undefined &&
    timingSafeEqual(
      Buffer.from(hashOfPassword(login.password, record.password.salt), 'hex'),
      Buffer.from(record.password.hash, 'hex'),
    );
  if (!isSame)
    failPassword(site, `the data of service "${name}" were made with another password than ${kind.title} is given now`);
}

function failPassword(site: Site, message: string): never {
  fail('project', 'DATA_PASSWORD', message, {
    hints: [
      `put back what ${site.service.name} said when its data were made (.env, environment: in compose.yaml)`,
      beginAnew,
    ],
    evidence: [`data: ${site.folder}`, 'nothing was changed'],
    source: site.service.source,
  });
}

const beginAnew = 'or begin anew, without the data: camp down --data';

function keepAside({ folder }: Site): string {
  return `mv ${folder} ${folder}.old`;
}

/** Data that belong to somebody else are not touched. */
function refuseForeign(site: Site): void {
  let stats: Stats;
  try {
    stats = lstatSync(site.folder);
  } catch (error) {
    failOnDisk(error, site.folder);
  }
  const own = process.getuid?.();
  if (own === undefined || stats.uid === own) return;
  fail(
    'machine',
    'DATA_FOREIGN',
    `the data of service "${site.service.name}" belong to another user (uid ${stats.uid})`,
    {
      hints: [`sudo chown -R "$(id -u):$(id -g)" ${site.folder}`, beginAnew],
      evidence: [`data: ${site.folder}`, 'nothing was changed'],
      source: site.service.source,
    },
  );
}

/** Data that the server cannot read. */
export function damaged(site: Site, kind: Pick<ServerKind, 'title'>, lines: readonly string[]): Failure {
  return failure('machine', 'DATA_DAMAGED', `${kind.title} cannot read the data of service "${site.service.name}"`, {
    hints: ['restore them from a copy', keepAside(site), beginAnew],
    evidence: [`data: ${site.folder}`, ...lines],
    source: site.service.source,
  });
}

/** The server's own words for a disk that is full. */
export function diskFull(site: Site, lines: readonly string[]): Failure | undefined {
  const line = lines.find((one) => /no space left on device|disk quota exceeded|ENOSPC/i.test(one));
  if (line === undefined) return undefined;
  return failure('machine', 'DISK_FULL', `no space left on the disk for the data of service "${site.service.name}"`, {
    hints: [`df -h ${quoted(dirname(site.folder))}`, 'then: camp up'],
    evidence: [`data: ${site.folder}`, line],
  });
}

function writeRecord(site: Site, folder: string, login: Login): void {
  const { major } = site.image;
  const salt = randomBytes(16).toString('hex');
  const record: DataRecord = {
    schema: 1,
    server: site.image.name,
    version: site.program.version,
    ...(major === undefined ? {} : { asked: major }),
    ...(login.user === undefined ? {} : { user: login.user }),
    ...(login.database === undefined ? {} : { database: login.database }),
    ...(login.password === undefined ? {} : { password: { salt, hash: hashOfPassword(login.password, salt) } }),
  };
  writeWhole(join(folder, recordName), `${JSON.stringify(record, null, 1)}\n`, { mode: 0o600 });
}

/** A record that says nothing sensible is as good as none: the server finds out by itself. */
function readRecord(folder: string): DataRecord | undefined {
  try {
    const value = JSON.parse(readText(join(folder, recordName)) ?? 'null') as DataRecord | null;
    return value?.schema === 1 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** As PostgreSQL keeps passwords itself (SCRAM, RFC 7677): the file is 0600 in a 0700 folder beside those. */
function hashOfPassword(password: string, salt: string): string {
  return pbkdf2Sync(password, Buffer.from(salt, 'hex'), 4096, 32, 'sha256').toString('hex');
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException)?.syscall === 'string';
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
