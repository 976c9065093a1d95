import { readdirSync } from 'node:fs';
import { type Listener, listeners } from '../../kit/ports.ts';
import { processInfo, socketInodes } from '../../kit/process.ts';
import { type Address, probeTcp } from './probe.ts';

interface Waiter {
  readonly port: number;
  resolve(address: Address): void;
}

/**
 * Tells when ports begin to listen. One look at the kernel's tables serves every service that starts,
 * so that waiting costs the same for 3 and for 140 and no service sees half-made connections.
 */
export class ListenWatch {
  readonly #waiters = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;

  /** Resolves as soon as the port listens; rejects with the signal's reason. */
  listening(port: number, signal: AbortSignal): Promise<Address> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        port,
        resolve: (address) => {
          signal.removeEventListener('abort', abort);
          this.#waiters.delete(waiter);
          resolve(address);
        },
      };
      const abort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      };
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.add(waiter);
      this.#timer ??= setTimeout(() => void this.#look(), 2);
    });
  }

  async #look(): Promise<void> {
    const began = performance.now();
    if (process.platform === 'linux') this.#lookInTables();
    else await Promise.all([...this.#waiters].map((waiter) => lookByConnecting(waiter)));
    // a look never takes more than a tenth of the time between two looks
    const pause = Math.max(4, (performance.now() - began) * 10);
    this.#timer = this.#waiters.size > 0 ? setTimeout(() => void this.#look(), pause) : undefined;
  }

  #lookInTables(): void {
    const wanted = new Map([...this.#waiters].map((waiter) => [waiter.port, waiter]));
    for (const listener of listeners()) wanted.get(listener.port)?.resolve(addressOf(listener));
  }
}

async function lookByConnecting(waiter: Waiter): Promise<void> {
  for (const host of ['127.0.0.1', '::1'])
    if ((await probeTcp({ host, port: waiter.port }, 200)).isReady) return waiter.resolve({ host, port: waiter.port });
}

/** How a listener is reached from this machine. */
export function addressOf(listener: Listener): Address {
  const isSix = listener.address === '::1';
  return { host: isSix ? '::1' : '127.0.0.1', port: listener.port };
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The TCP ports that a process group listens on: how a program that ignores PORT is found (Linux). */
export function listenersOfGroup(pgid: number): readonly Listener[] {
  const inodes = new Set<string>();
  for (const pid of membersOf(pgid)) for (const inode of socketInodes(pid)) inodes.add(inode);
  return inodes.size === 0 ? [] : listeners().filter((listener) => inodes.has(listener.owner));
}

/** Live processes of a group; zombies, which signals still reach, do not count. */
export function membersOf(pgid: number): readonly number[] {
  if (process.platform !== 'linux') return [];
  const members: number[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const info = processInfo(pid);
    if (info?.pgid === pgid && info.state !== 'Z') members.push(pid);
  }
  return members;
}
