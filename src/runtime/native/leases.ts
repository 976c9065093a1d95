import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readText, writeWhole } from '../../kit/files.ts';
import type { PortClaims } from '../../kit/port-claims.ts';
import { leasePort, listeners } from '../../kit/ports.ts';
import { probeTcp } from '../probe.ts';

/** More remembered ports than this are looked up in the kernel's tables. */
const mostAsked = 24;
/** A camp that claims so many of the ports that this one would choose is no camp. */
const mostClaimTries = 8;

/** Ports that stay the same between runs, kept in the project's state folder. */
export class PortLeases {
  readonly #file: string;
  readonly #projectId: string;
  readonly #claims: PortClaims | undefined;
  readonly #ports: Map<string, number>;
  readonly #given = new Set<number>();
  /** Claimed, and not given yet, by key. */
  readonly #claimed = new Map<string, number>();
  #taken: ReadonlySet<number> = new Set();
  #isDirty = false;

  /** @param claims of whoever starts programs; without them nothing is taken from anybody */
  constructor(stateDir: string, projectId: string, claims?: PortClaims) {
    this.#file = join(stateDir, 'ports.json');
    this.#projectId = projectId;
    this.#claims = claims;
    this.#ports = readPorts(this.#file);
  }

  /**
   * Looks whether the ports of `keys` are free, and claims what they will get. The kernel's tables take milliseconds to
   * read, so a few remembered ports are asked one by one instead.
   */
  async prepare(keys: readonly string[]): Promise<void> {
    const open = keys.filter((key) => !this.#given.has(this.#ports.get(key) ?? 0));
    if (open.length === 0) return;
    const before = open.flatMap((key) => this.#ports.get(key) ?? []);
    const isAskingCheaper = before.length === open.length && before.length <= mostAsked;
    const taken = isAskingCheaper ? await listeningAmong(before) : listeners().map((one) => one.port);
    this.#taken = new Set([...this.#taken, ...taken]);
    await this.#claim(open);
  }

  async #claim(keys: readonly string[], tries = 1): Promise<void> {
    if (!this.#claims || tries > mostClaimTries) return;
    for (const key of keys) {
      const port = this.#choose(key, new Set());
      if (port !== undefined) this.#claimed.set(key, port);
    }
    const ports = keys.flatMap((key) => this.#claimed.get(key) ?? []);
    const answers = await Promise.all(ports.map((port) => this.#claims?.claim(port)));
    const refused = new Set(ports.filter((_, i) => !answers[i]));
    if (refused.size === 0) return;
    this.#taken = new Set([...this.#taken, ...refused]);
    const again = keys.filter((key) => refused.has(this.#claimed.get(key) ?? 0));
    for (const key of again) this.#claimed.delete(key);
    await this.#claim(again, tries + 1);
  }

  #choose(key: string, reservedToo: ReadonlySet<number>): number | undefined {
    const others = [...this.#ports, ...this.#claimed].flatMap(([other, port]) => (other === key ? [] : [port]));
    const reserved = new Set([...reservedToo, ...this.#taken, ...this.#given, ...others]);
    return leasePort(`${this.#projectId} ${key}`, this.#claimed.get(key) ?? this.#ports.get(key), reserved);
  }

  /** The port of a key: the same as last time unless somebody else listens there now, or it is one of `reservedToo`. */
  lease(key: string, reservedToo: ReadonlySet<number> = new Set()): number | undefined {
    const before = this.#ports.get(key);
    if (before !== undefined && this.#given.has(before) && !reservedToo.has(before)) return before;
    const claimed = this.#claimed.get(key);
    const port = claimed !== undefined && !reservedToo.has(claimed) ? claimed : this.#choose(key, reservedToo);
    if (port === undefined) return undefined;
    this.#claimed.delete(key);
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
