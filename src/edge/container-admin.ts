import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../kit/files.ts';
import { hashOf } from '../kit/hash.ts';
import type { Admin, AdminAnswer } from './admin.ts';
import { innerFolder } from './container-shape.ts';
import type { EdgeContainer } from './types.ts';

/**
 * Loopback of the container, which only programs in it reach: busybox speaks to no unix socket. The port is none
 * that a Caddyfile is likely to name, and outside of the range from which outgoing connections get theirs.
 */
export const innerAdmin = '127.0.0.1:61019';

/**
 * The admin endpoint of a Caddy in a container, through programs that are run in there: `wget`, which starts
 * quickly, and `caddy reload` for the words of a refusal.
 * Rejects with `ECONNREFUSED` where the container does not run or nobody answers in it.
 */
export function createContainerAdmin(container: EdgeContainer, folder: string): Admin {
  return {
    async ask(_method, path, { timeoutMs, signal, body }) {
      const within = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
      try {
        return await (path === '/load' ? load(container, folder, body ?? '', within) : get(container, path, within));
      } catch (error) {
        signal?.throwIfAborted();
        throw unreachable(path, error);
      }
    },
  };
}

async function get(container: EdgeContainer, path: string, signal: AbortSignal): Promise<AdminAnswer> {
  const argv = ['wget', '-q', '-O', '-', `http://${innerAdmin}${path}`];
  const { exitCode, output } = await container.exec(argv, undefined, signal);
  if (exitCode === 0) return { status: 200, text: output };
  const status = Number(/HTTP\/\S+ (\d{3})/.exec(output)?.[1]);
  if (!status) throw new Error(output.trim());
  return { status, text: '' };
}

/**
 * To start a program in a container keeps the machine busy, and just then Caddy would drop more of the connections
 * that are in their TLS handshake while the configuration changes: measured, half as many are lost with a pause.
 */
const post = [
  'sh',
  '-c',
  'sleep 0.1; exec wget -q -O - --header "Content-Type: application/json" --post-file "$0" "$1"',
] as const;

/** A name of its own for each configuration: a file system between two machines may show the old content of a file for a while. */
async function load(container: EdgeContainer, folder: string, body: string, signal: AbortSignal): Promise<AdminAnswer> {
  const name = `next-${hashOf(body)}.json`;
  const path = join(folder, name);
  writeWhole(path, body, { mode: 0o600, durable: false });
  try {
    const inner = `${innerFolder}/${name}`;
    const posted = await container.exec([...post, inner, `http://${innerAdmin}/load`], undefined, signal);
    if (posted.exitCode === 0) return { status: 200, text: '' };
    // wget keeps the words of a refusal to itself
    const argv = ['caddy', 'reload', '--config', inner, '--address', innerAdmin];
    const { exitCode, output } = await container.exec(argv, undefined, signal);
    if (exitCode === 0) return { status: 200, text: '' };
    const words = wordsOf(output);
    if (words === undefined) throw new Error(output.trim());
    return { status: 400, text: words };
  } finally {
    rmSync(path, { force: true });
  }
}

/** Caddy's refusal, out of the lines of `caddy reload`; undefined where no Caddy has answered. */
function wordsOf(output: string): string | undefined {
  return /caddy responded with error: HTTP \d+: ([^]+)/.exec(output)?.[1]?.trim();
}

/** In the shape of a system error, which tells a Caddy that is away from one that refuses. */
function unreachable(path: string, cause: unknown): Error & { readonly code: string } {
  const error = new Error(`caddy did not answer ${path}`, { cause });
  return Object.assign(error, { code: 'ECONNREFUSED' });
}
