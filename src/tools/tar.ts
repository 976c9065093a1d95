import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const block = 512;

/** One member of an archive; the format is POSIX ustar (IEEE Std 1003.1, pax). */
interface Member {
  readonly name: string;
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content: Buffer;
}

/**
 * The content of the one regular file that `isWanted` picks. Throws when there is none, when the archive is
 * damaged, and, unless `allowOthers`, when any member is a link or would lie outside the folder.
 */
export function extractOne(archive: Buffer, isWanted: (name: string) => boolean, allowOthers = false): Buffer {
  let found: Buffer | undefined;
  for (const { name, type, content } of membersOf(archive)) {
    if (!allowOthers) refuseUnsafe(name, type);
    if (found === undefined && (type === '0' || type === '\0') && isWanted(name.replace(/^\.\//, ''))) found = content;
  }
  if (!found) throw new Error('the archive does not hold the program');
  return found;
}

/**
 * Writes the regular files that `nameOf` gives a path below `folder`, and returns those by their name in the archive.
 * Refuses an archive like `extractOne`, before anything is written.
 */
export function extractAll(
  archive: Buffer,
  folder: string,
  nameOf: (name: string) => string | undefined,
): ReadonlyMap<string, Buffer> {
  const written = new Map<string, Buffer>();
  const members = [...membersOf(archive)];
  for (const { name, type } of members) refuseUnsafe(name, type);
  for (const { name, type, mode, content } of members) {
    const target = type === '0' || type === '\0' ? nameOf(name) : undefined;
    if (target === undefined) continue;
    const path = join(folder, target);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode: (mode & 0o111) === 0 ? 0o644 : 0o755 });
    written.set(name, content);
  }
  if (written.size === 0) throw new Error('the archive does not hold the program');
  return written;
}

function refuseUnsafe(name: string, type: string): void {
  if (name.startsWith('/') || name.split('/').includes('..'))
    throw new Error(`the archive holds an unsafe path: ${name}`);
  // regular files, folders and the extended headers of pax; no links, devices or pipes
  if (!['0', '\0', '5', 'x', 'g'].includes(type))
    throw new Error(`the archive holds something else than files: ${name}`);
}

function* membersOf(archive: Buffer): Iterable<Member> {
  for (let at = 0; at + block <= archive.length; ) {
    const header = archive.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return;
    verifyChecksum(header);
    const size = octal(header, 124, 12);
    const prefix = header.toString('latin1', 257, 262) === 'ustar' ? textAt(header, 345, 155) : '';
    const name = (prefix ? `${prefix}/` : '') + textAt(header, 0, 100);
    const begin = at + block;
    if (begin + size > archive.length) throw new Error('the archive is truncated');
    const type = String.fromCharCode(header[156] ?? 0);
    yield { name, type, mode: octal(header, 100, 8), content: archive.subarray(begin, begin + size) };
    at = begin + Math.ceil(size / block) * block;
  }
}

/** The sum of all bytes of the header, its own field counted as spaces. */
function verifyChecksum(header: Buffer): void {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
  if (sum !== octal(header, 148, 8)) throw new Error('the archive is damaged');
}

function octal(header: Buffer, at: number, length: number): number {
  const text = textAt(header, at, length).trim();
  if (!/^[0-7]*$/.test(text)) throw new Error('the archive is damaged');
  return Number.parseInt(text || '0', 8);
}

function textAt(header: Buffer, at: number, length: number): string {
  const field = header.toString('utf8', at, at + length);
  const end = field.indexOf('\0');
  return end < 0 ? field : field.slice(0, end);
}
