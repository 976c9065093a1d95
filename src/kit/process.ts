import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Identity of processes. A pid is not one: a process is known by its pid and its start time, and it
 * belongs to a project when its environment carries the project's marker, which children inherit
 * even through double forks and new sessions.
 */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot on Linux, seconds since the epoch elsewhere; only compared for equality. */
  readonly startTime: string;
}

export interface ProcessInfo extends ProcessId {
  readonly ppid: number;
  readonly pgid: number;
  /** Z is a zombie: it counts as dead although signals still reach it. */
  readonly state: string;
}

export const projectMarker = 'CAMP_PROJECT_ID';
export const replicaMarker = 'CAMP_REPLICA';
/** What stands there for the guard, which ends by itself a moment after its camp. */
export const guardName = 'guard';
/** Names the supervisor, `pid:startTime`, in the environment of everything it starts. */
export const supervisorMarker = 'CAMP_SUPERVISOR_ID';

/** What the system says of a pid, or undefined when there is no such process. */
export function processInfo(pid: number): ProcessInfo | undefined {
  if (process.platform !== 'linux') return psInfo(pid);
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name in parentheses may hold spaces and parentheses itself: the fields begin after the last one. proc(5)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    state: fields[0] ?? '?',
    ppid: Number(fields[1]),
    pgid: Number(fields[2]),
    startTime: fields[19] ?? '',
  };
}

/** Whether that very process, not a successor with its pid, is alive; a zombie is not. */
export function isAlive(id: ProcessId): boolean {
  const now = processInfo(id.pid);
  return now !== undefined && now.startTime === id.startTime && now.state !== 'Z';
}

/** Signals that very process, not a successor with its pid; false when it is gone. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(id.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** A process whose environment carries a project's marker. */
export interface MarkedProcess extends ProcessInfo {
  readonly project: string;
  /** `api:1`, `edge` or `guard`. */
  readonly replica: string;
  /** `pid:startTime` of the camp that started it. */
  readonly supervisor: string;
}

/** Every live process of this user that carries the marker of `project`, except this one and its ancestors. */
export function markedProcesses(project: string): readonly MarkedProcess[] {
  const own = ancestry();
  const found: MarkedProcess[] = [];
  for (const { pid, environ } of environments()) {
    if (own.has(pid) || !environ.includes(`${projectMarker}=${project}`)) continue;
    const info = processInfo(pid);
    if (!info || info.state === 'Z') continue;
    const named = (name: string): string =>
      environ.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
    found.push({ ...info, project, replica: named(replicaMarker), supervisor: named(supervisorMarker) });
  }
  return found;
}

function ancestry(): ReadonlySet<number> {
  const pids = new Set<number>();
  for (let pid = process.pid; pid > 1 && !pids.has(pid); pid = processInfo(pid)?.ppid ?? 0) pids.add(pid);
  return pids;
}

function* environments(): Iterable<{ pid: number; environ: readonly string[] }> {
  if (process.platform !== 'linux') {
    yield* psEnvironments();
    return;
  }
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      yield { pid, environ: readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0') };
    } catch {
      // another user's process, or one that has just ended: not ours either way
    }
  }
}

function* psEnvironments(): Iterable<{ pid: number; environ: readonly string[] }> {
  for (const line of ps(['-axww', '-E', '-o', 'pid=,command='])) {
    const match = /^\s*(\d+)\s+(.*)$/.exec(line);
    if (match) yield { pid: Number(match[1]), environ: (match[2] ?? '').split(' ') };
  }
}

function psInfo(pid: number): ProcessInfo | undefined {
  const [line] = ps(['-o', 'state=,ppid=,pgid=,lstart=', '-p', String(pid)]);
  const match = /^\s*(\S)\S*\s+(\d+)\s+(\d+)\s+(.+?)\s*$/.exec(line ?? '');
  if (!match) return undefined;
  return { pid, state: match[1] ?? '?', ppid: Number(match[2]), pgid: Number(match[3]), startTime: match[4] ?? '' };
}

function ps(args: readonly string[]): readonly string[] {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n');
  } catch {
    return [];
  }
}

/** The command line of a process, for messages that name it; empty when it may not be read. */
export function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
  return ps(['-o', 'command=', '-p', String(pid)])[0]?.trim() ?? '';
}

/** The sockets that a process holds open, as inode numbers (Linux only). */
export function socketInodes(pid: number): ReadonlySet<string> {
  const inodes = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
        if (match?.[1]) inodes.add(match[1]);
      } catch {
        // closed between the listing and the look
      }
    }
  } catch {
    // ended, or another user's
  }
  return inodes;
}
