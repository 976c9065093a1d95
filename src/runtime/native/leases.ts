import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readText, writeWhole } from '../../kit/files.ts';
import { leasePort, listeners } from '../../kit/ports.ts';
import { probeTcp } from '../probe.ts';

/** More remembered ports than this are looked up in the kernel's tables. */
const mostAsked = 24;

/** Ports that stay the same between runs, kept in the project's state folder. */
export class PortLeases {
  readonly #file: string;
  readonly #projectId: string;
  readonly #ports: Map<string, number>;
  readonly #given = new Set<number>();
  #taken: ReadonlySet<number> = new Set();
  #isDirty = false;

  constructor(stateDir: string, projectId: string) {
    this.#file = join(stateDir, 'ports.json');
    this.#projectId = projectId;
    this.#ports = readPorts(this.#file);
  }

  /**
   * Looks whether the ports of `keys` are free. The kernel's tables take milliseconds to read, so a few remembered
   * ports are asked one by one instead.
   */
  async prepare(keys: readonly string[]): Promise<void> {
    const open = keys.filter((key) => !this.#given.has(this.#ports.get(key) ?? 0));
    if (open.length === 0) return;
    const before = open.flatMap((key) => this.#ports.get(key) ?? []);
    const isAskingCheaper = before.length === open.length && before.length <= mostAsked;
    const taken = isAskingCheaper ? await listeningAmong(before) : listeners().map((one) => one.port);
    this.#taken = new Set([...this.#taken, ...taken]);
  }

  /** The port of a key: the same as last time unless somebody else listens there now, or it is one of `reservedToo`. */
  lease(key: string, reservedToo: ReadonlySet<number> = new Set()): number | undefined {
    const before = this.#ports.get(key);
    if (before !== undefined && this.#given.has(before) && !reservedToo.has(before)) return before;
    const reserved = new Set([
      ...reservedToo,
      ...this.#taken,
      ...this.#given,
      ...[...this.#ports].flatMap(([other, port]) => (other === key ? [] : [port])),
    ]);
    const port = leasePort(`${this.#projectId} ${key}`, before, reserved);
    if (port === undefined) return undefined;
    this.#given.add(port);
    if (port !== before) this.#isDirty = true;
    this.#ports.set(key, port);
    return port;
  }

  /** The port a key has, without taking one. */
  peek(key: string): number | undefined {
    return this.#ports.get(key);
  }

  /** Keeps a port that was chosen elsewhere. */
  set(key: string, port: number): void {
    if (this.#ports.get(key) !== port) this.#isDirty = true;
    this.#ports.set(key, port);
  }

  save(): void {
    if (!this.#isDirty) return;
    // a folder in its place holds nothing of ours
    if (statSync(this.#file, { throwIfNoEntry: false })?.isDirectory())
      rmSync(this.#file, { recursive: true, force: true });
    writeWhole(this.#file, `${JSON.stringify(Object.fromEntries(this.#ports), null, 1)}\n`, {
      mode: 0o600,
      durable: false,
    });
    this.#isDirty = false;
  }
}

async function listeningAmong(ports: readonly number[]): Promise<readonly number[]> {
  const answers = await Promise.all(ports.map((port) => probeTcp({ host: '127.0.0.1', port }, 200)));
  return ports.filter((_, i) => answers[i]?.isReady);
}

/** A file that says nothing sensible is as good as none: ports are chosen anew. */
function readPorts(file: string): Map<string, number> {
  const ports = new Map<string, number>();
  try {
    const value: unknown = JSON.parse(readText(file) ?? '{}');
    if (value === null || typeof value !== 'object') return ports;
    for (const [key, port] of Object.entries(value))
      if (typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536) ports.set(key, port);
  } catch {
    return ports;
  }
  return ports;
}
