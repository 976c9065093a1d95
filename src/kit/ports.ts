import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { commandOf, socketInodes } from './process.ts';

/** A listening TCP socket of this machine. */
export interface Listener {
  readonly port: number;
  /** `127.0.0.1`, `::1`, `0.0.0.0`, `::`, or another address. */
  readonly address: string;
  /** Socket inode on Linux, the owning pid elsewhere. */
  readonly owner: string;
}

/** Every listening TCP socket, read from the kernel's tables in one go (Linux) or from lsof. */
export function listeners(): readonly Listener[] {
  if (process.platform !== 'linux') return lsofListeners();
  return tables.flatMap((path) => {
    try {
      return rowsOf(readFileSync(path, 'latin1'));
    } catch {
      return []; // no IPv6
    }
  });
}

/** The same while this process does something else: the kernel takes 10 ms for it on a machine with much memory. */
export async function readListeners(): Promise<readonly Listener[]> {
  if (process.platform !== 'linux') return lsofListeners();
  const texts = await Promise.all(tables.map((path) => readFile(path, 'latin1').catch(() => '')));
  return texts.flatMap(rowsOf);
}

const tables = ['/proc/net/tcp', '/proc/net/tcp6'] as const;

/** proc(5), /proc/net/tcp: local_address is hex, in the machine's byte order; state 0A is LISTEN. */
function rowsOf(text: string): Listener[] {
  const found: Listener[] = [];
  for (const line of text.split('\n')) {
    // a busy machine has thousands of rows that do not listen: look before splitting
    if (!line.includes(' 0A ')) continue;
    const fields = line.trim().split(/\s+/);
    if (fields[3] !== '0A') continue;
    const [address = '', port = ''] = (fields[1] ?? '').split(':');
    found.push({ port: Number.parseInt(port, 16), address: addressOf(address), owner: fields[9] ?? '' });
  }
  return found;
}

function addressOf(hex: string): string {
  switch (hex) {
    case '00000000':
      return '0.0.0.0';
    case '0100007F':
      return '127.0.0.1';
    case '00000000000000000000000000000000':
      return '::';
    case '00000000000000000000000001000000':
      return '::1';
    default:
      return hex.length === 8
        ? (hex.match(/../g) ?? [])
            .reverse()
            .map((byte) => Number.parseInt(byte, 16))
            .join('.')
        : hex;
  }
}

function lsofListeners(): readonly Listener[] {
  let text: string;
  try {
    text = execFileSync('lsof', ['-nP', '-iTCP', '-sTCP:LISTEN', '-Fpn'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return [];
  }
  const found: Listener[] = [];
  let pid = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('p')) pid = line.slice(1);
    const match = /^n(.*):(\d+)$/.exec(line);
    if (match)
      found.push({
        port: Number(match[2]),
        address: match[1] === '*' ? '0.0.0.0' : (match[1] ?? '').replace(/[[\]]/g, ''),
        owner: pid,
      });
  }
  return found;
}

/** The pids that own a listener; on Linux every process of this user is asked for its sockets. */
export function holdersOf(port: number): readonly { readonly pid: number; readonly command: string }[] {
  const owners = new Set(
    listeners()
      .filter((one) => one.port === port)
      .map((one) => one.owner),
  );
  if (owners.size === 0) return [];
  if (process.platform !== 'linux')
    return [...owners].map((pid) => ({ pid: Number(pid), command: commandOf(Number(pid)) }));
  const found: { pid: number; command: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    for (const inode of socketInodes(pid)) {
      if (!owners.has(inode)) continue;
      found.push({ pid, command: commandOf(pid) });
      break;
    }
  }
  return found;
}

/** In words for a message: `nginx (pid 812)`; says so when the holder belongs to somebody else. */
export function describeHolder(port: number): string {
  const [holder] = holdersOf(port);
  return holder ? `${holder.command.slice(0, 80) || 'a process'} (pid ${holder.pid})` : 'a process of another user';
}

/**
 * Ports for services: below 32768, where Linux's ephemeral range begins (ip_local_port_range), because
 * fixed ports in that range collide with outgoing connections; none that browsers refuse.
 */
export const servicePorts = { first: 20_000, last: 32_767 } as const;

/** A free port for `key`: the one it had before if that is free, else the first free one from a place that the key decides. */
export function leasePort(key: string, before: number | undefined, taken: ReadonlySet<number>): number | undefined {
  if (before !== undefined && !taken.has(before)) return before;
  const span = servicePorts.last - servicePorts.first + 1;
  const start = fnv1a(key) % span;
  for (let step = 0; step < span; step++) {
    const port = servicePorts.first + ((start + step) % span);
    if (!taken.has(port)) return port;
  }
  return undefined;
}

/** FNV-1a, 32 bits (draft-eastlake-fnv): spreads keys over ports without importing crypto. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
