import { readdirSync } from 'node:fs';
import type { Ms } from '../../kit/events.ts';
import { type Listener, listeners } from '../../kit/ports.ts';
import { processInfo, socketInodes } from '../../kit/process.ts';
import { type Address, probeTcp } from '../probe.ts';

interface Waiter {
  readonly port: number;
  resolve(address: Address): void;
}

/** From so many waiters on, one look at the kernel's tables is cheaper than a connection each. */
const manyWaiters = 40;
const shortestPauseMs: Ms = 4;
/** Few programs listen on ::1 alone: every so many looks it is tried as well. */
const sixEvery = 8;

/**
 * Tells when ports begin to listen: by connecting while few services start, by one look at the kernel's tables for
 * all of them (which takes milliseconds, however few rows it has) while many do.
 */
export class ListenWatch {
  readonly #waiters = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #isLooking = false;

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
      this.#timer ??= setTimeout(() => void this.#look(), shortestPauseMs);
    });
  }

  /** A program has said something: many say that they listen, so this is the moment to look. */
  nudge(port: number): void {
    for (const waiter of this.#waiters) if (waiter.port === port) void connectTo(waiter, '127.0.0.1');
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const began = performance.now();
    const isMany = this.#waiters.size > manyWaiters && process.platform === 'linux';
    if (isMany) this.#lookInTables();
    else await this.#lookByConnecting(++this.#looks % sixEvery === 0);
    this.#isLooking = false;
    // looking takes at most a tenth of the time
    const pause = Math.max(shortestPauseMs, isMany ? (performance.now() - began) * 10 : this.#waiters.size);
    this.#timer = this.#waiters.size > 0 ? setTimeout(() => void this.#look(), pause) : undefined;
  }

  #lookInTables(): void {
    const wanted = new Map([...this.#waiters].map((waiter) => [waiter.port, waiter]));
    for (const listener of listeners()) wanted.get(listener.port)?.resolve(addressOf(listener));
  }

  async #lookByConnecting(isWithSix: boolean): Promise<void> {
    const hosts = isWithSix ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
    await Promise.all([...this.#waiters].flatMap((waiter) => hosts.map((host) => connectTo(waiter, host))));
  }
}

async function connectTo(waiter: Waiter, host: string): Promise<void> {
  if ((await probeTcp({ host, port: waiter.port }, 200)).isReady) waiter.resolve({ host, port: waiter.port });
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
