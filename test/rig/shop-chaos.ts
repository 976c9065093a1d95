import { readdirSync, readFileSync } from 'node:fs';
import type { NewOrder, Shop } from './shop.ts';

/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function shuffled<T>(values: readonly T[], random: () => number): readonly T[] {
  const rest = [...values];
  for (let i = rest.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [rest[i], rest[j]] = [rest[j] as T, rest[i] as T];
  }
  return rest;
}

/** Most are fine; one in five has a declined card, one in ten costs more than the limit or asks for more than there is. */
export function anyOrder(random: () => number): NewOrder {
  const chance = random();
  const card = chance < 0.2 ? 'declined' : 'good';
  if (chance > 0.9) return { items: [{ sku: 'canoe', quantity: chance > 0.95 ? 1 : 9 }], card };
  const skus = shuffled(['mug', 'torch', 'stove'], random).slice(0, 1 + Math.floor(random() * 3));
  return { items: skus.map((sku) => ({ sku, quantity: 1 + Math.floor(random() * 3) })), card };
}

/** Places orders at a steady pace, whatever the answers; the id that each was accepted under, in the order of their asking. */
export async function orderFlood(
  shop: Shop,
  { count, perSecond, random }: { readonly count: number; readonly perSecond: number; readonly random: () => number },
): Promise<readonly string[]> {
  const began = performance.now();
  const placed: Promise<string>[] = [];
  for (let i = 0; i < count; i++) {
    await until(began + (i * 1000) / perSecond);
    const one = shop.place(anyOrder(random));
    one.catch(() => undefined); // looked at when all are placed
    placed.push(one);
  }
  return Promise.all(placed);
}

const until = (at: number): Promise<void> =>
  new Promise((done) => setTimeout(done, Math.max(0, at - performance.now())));

export interface Fault {
  readonly victim: string;
  readonly kind: 'kill' | 'pause';
}

/** Kills and pauses each of these once, in any order, until all had their turn; what was done, in words. */
export async function trouble(
  shop: Shop,
  {
    victims,
    everyMs,
    random,
  }: { readonly victims: readonly string[]; readonly everyMs: number; readonly random: () => number },
): Promise<readonly string[]> {
  const faults = victims.flatMap((victim): Fault[] => [
    { victim, kind: 'kill' },
    { victim, kind: 'pause' },
  ]);
  const done: string[] = [];
  const pauses: Promise<void>[] = [];
  for (const { victim, kind } of shuffled(faults, random)) {
    await new Promise((next) => setTimeout(next, everyMs * (0.5 + random())));
    const ms = 500 + Math.floor(random() * 4000);
    const pids = processesOf(shop, victim);
    if (pids.length === 0) {
      done.push(`${victim} was not there to ${kind}`);
      continue;
    }
    if (kind === 'kill') signal(pids.slice(0, 1), 'SIGKILL');
    else pauses.push(pause(pids, ms));
    done.push(kind === 'kill' ? `${victim} killed` : `${victim} paused for ${ms} ms`);
  }
  await Promise.all(pauses);
  return done;
}

/** Stops processes for a while: neither their sockets close nor does anybody notice but by the silence. */
export async function pause(pids: readonly number[], ms: number): Promise<void> {
  const born = pids.map(startTime);
  signal(pids, 'SIGSTOP');
  await new Promise((done) => setTimeout(done, ms));
  signal(
    pids.filter((pid, i) => startTime(pid) === born[i]),
    'SIGCONT',
  );
}

/** The processes of a service, its first one first, and all below it: a Postgres has one for each connection. */
export function processesOf(shop: Shop, service: string): readonly number[] {
  const marked = shop.cluster.processes().filter(({ replica }) => replica === `${service}:1`);
  const found = marked.map(({ pid }) => pid).filter((pid, _, all) => !all.includes(parentOf(pid)));
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const);
  // the list grows while it is walked
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

const parentOf = (pid: number): number => Number(statOf(pid)?.[1]);

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids)
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
}

/** proc(5): what follows the name, which may contain anything: state, parent, …; the 20th is when it was started. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

const startTime = (pid: number): string | undefined => statOf(pid)?.[19];
