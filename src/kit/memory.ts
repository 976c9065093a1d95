import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { processInfo } from './process.ts';

/** A process as far as it matters for whose memory it uses. */
interface ProcessNode {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
}

export interface MemoryView {
  readonly processes: readonly ProcessNode[];
  /** Bytes of one process; undefined when it is gone or may not be looked at. */
  memoryOf(pid: number): number | undefined;
}

/** One look at all processes of this machine. */
export function lookAtMemory(): MemoryView {
  return process.platform === 'linux' ? linuxView() : psView();
}

function linuxView(): MemoryView {
  const processes = readdirSync('/proc').flatMap((entry) => {
    const info = /^\d+$/.test(entry) ? processInfo(Number(entry)) : undefined;
    return info && info.state !== 'Z' ? [info] : [];
  });
  return { processes, memoryOf: (pid) => proportionalOf(pid) ?? residentOf(pid) };
}

/** PSS: pages that several processes share count for each in part, so that a sum counts them once. proc(5), smaps_rollup */
function proportionalOf(pid: number): number | undefined {
  return kilobytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m);
}

/** Of another user's process no more is told. */
function residentOf(pid: number): number | undefined {
  return kilobytes(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);
}

function kilobytes(path: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(path, 'latin1'))?.[1];
    return found === undefined ? undefined : Number(found) * 1024;
  } catch {
    return undefined;
  }
}

function psView(): MemoryView {
  const resident = new Map<number, number>();
  const processes: ProcessNode[] = [];
  for (const line of psLines()) {
    const [pid = 0, ppid = 0, pgid = 0, kB = 0] = line.trim().split(/\s+/).map(Number);
    processes.push({ pid, ppid, pgid });
    resident.set(pid, kB * 1024);
  }
  return { processes, memoryOf: (pid) => resident.get(pid) };
}

function psLines(): readonly string[] {
  try {
    const text = execFileSync('ps', ['-ax', '-o', 'pid=,ppid=,pgid=,rss='], { encoding: 'utf8' });
    return text.split('\n').filter((line) => line.trim() !== '');
  } catch {
    return [];
  }
}

/**
 * Bytes by name. Every process belongs to the nearest of `roots` among its ancestors, or, when those have ended, to the one
 * whose process group it is in; what belongs to none is nobody's. A name without a process that can be looked at is absent.
 */
export function memoryByOwner(roots: ReadonlyMap<number, string>, view: MemoryView): ReadonlyMap<string, number> {
  const byPid = new Map(view.processes.map((one) => [one.pid, one]));
  const sums = new Map<string, number>();
  for (const one of view.processes) {
    const owner = ownerOf(one, roots, byPid);
    const bytes = owner === undefined ? undefined : view.memoryOf(one.pid);
    if (owner !== undefined && bytes !== undefined) sums.set(owner, (sums.get(owner) ?? 0) + bytes);
  }
  return sums;
}

function ownerOf(
  one: ProcessNode,
  roots: ReadonlyMap<number, string>,
  byPid: ReadonlyMap<number, ProcessNode>,
): string | undefined {
  const ofGroup = roots.get(one.pgid);
  const seen = new Set<number>();
  for (let at: ProcessNode | undefined = one; at && !seen.has(at.pid); at = byPid.get(at.ppid)) {
    const owner = roots.get(at.pid);
    if (owner !== undefined) return owner;
    seen.add(at.pid);
  }
  return ofGroup;
}
