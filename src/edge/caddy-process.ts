import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, settlesWithin, startChild } from '../kit/child.ts';
import type { Ms } from '../kit/events.ts';
import { type CampError, fail } from '../kit/failure.ts';
import type { Admin } from './admin.ts';
import { plainLine } from './caddy-log.ts';
import { openSockets } from './sockets.ts';
import type { EdgeSetup } from './types.ts';

/** Times of the supervision, in milliseconds. A hung Caddy is replaced after less than 5 s. */
const startDeadlineMs: Ms = 10_000;
const beatMs: Ms = 1500;
const beatTimeoutMs: Ms = 1000;
const missedBeats = 3;
const stopGraceMs: Ms = 2000;
/** A Caddy that ends sooner than this after its start has a reason to: the next start waits. */
const stableMs: Ms = 2000;
const maxPauseMs: Ms = 5000;

export interface CaddyOptions {
  readonly setup: EdgeSetup;
  readonly admin: Admin;
  /** The admin socket as this process reaches it. */
  readonly socket: string;
  /** The configuration file that each start begins with, relative to the project's folder. */
  readonly configPath: string;
  /** The configuration's id; whoever answers for it on the admin socket is our Caddy. */
  readonly id: string;
  /** Addresses that each Caddy gets as open sockets. */
  readonly addresses: readonly string[];
  /** Called before a Caddy that died is started again. */
  beforeRevival(): void;
  /** Called as soon as a Caddy process is there, long before it answers. */
  onSpawn(): void;
}

/** One supervised Caddy: it is kept alive from `start` to `stop`. */
export interface CaddyProcess {
  readonly pid: number | undefined;
  start(signal: AbortSignal): Promise<void>;
  /** Resolves when Caddy answers, also while it is being started again; rejects when it is not wanted any more. */
  ready(): Promise<void>;
  stop(): Promise<void>;
  /** The last lines of its log, in plain words. */
  lastLines(): readonly string[];
}

/**
 *     stopped ──start──> starting ──answers──> running ──exit──> starting (again, with a growing pause)
 *        ^                   │                    │
 *        └───────────────────┴───────stop─────────┘
 */
type Life =
  | { readonly at: 'stopped' }
  | { readonly at: 'starting'; readonly child?: Child; readonly ready: Promise<void> }
  | { readonly at: 'running'; readonly child: Child; readonly since: Ms };

export function superviseCaddy(options: CaddyOptions): CaddyProcess {
  const { setup, admin, socket, id } = options;
  const lines: string[] = [];
  let life: Life = { at: 'stopped' };
  let end = new AbortController();
  let quickEnds = 0;

  async function launch(signal: AbortSignal): Promise<void> {
    // A socket that a dead Caddy left behind would be connected to in vain.
    rmSync(socket, { force: true });
    const child = await spawnWithSockets();
    setup.guard?.add(child.pid, child.startTime);
    options.onSpawn();
    void child.exited.then(() => setup.guard?.remove(child.pid));
    if (life.at === 'starting') life = { ...life, child };
    try {
      await awaitAdmin(child, signal);
    } catch (error) {
      await endChild(child);
      throw error;
    }
    life = { at: 'running', child, since: performance.now() };
    void child.exited.then((exit) => revive(child, exit.signal ?? `code ${exit.code}`));
    void watch(child, end.signal);
  }

  async function spawnWithSockets(): Promise<Child> {
    const sockets = await openSockets(options.addresses);
    try {
      const argv = [setup.caddy, 'run', '--config', options.configPath];
      return await startChild({
        argv,
        cwd: setup.projectDir,
        env: setup.env,
        sockets: sockets.fds,
        onLine: (_, line) => take(line),
      });
    } finally {
      sockets.close();
    }
  }

  function take(raw: string): void {
    const line = plainLine(raw);
    if (!line) return;
    lines.push(line.text);
    if (lines.length > 20) lines.shift();
    setup.onLine(line.text);
  }

  async function awaitAdmin(child: Child, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + startDeadlineMs;
    let hasExited = false;
    void child.exited.then(() => (hasExited = true));
    while (!hasExited && performance.now() < deadline) {
      if (existsSync(socket) && (await isOurs(beatTimeoutMs, signal))) return;
      await delay(2, undefined, { signal });
    }
    if (hasExited) await delay(20); // the last words may still be in the pipe
    fail(
      'edge',
      'EDGE_UNREACHABLE',
      hasExited ? 'caddy ended before it answered' : `caddy did not answer within ${startDeadlineMs / 1000} s`,
      {
        hints: ['camp doctor'],
        evidence: lines.slice(-10),
      },
    );
  }

  /** Whether the Caddy on the admin socket is the one with our configuration: another one may have taken the path. */
  async function isOurs(timeoutMs: Ms, signal: AbortSignal): Promise<boolean> {
    try {
      return (await admin.ask('GET', `/id/${id}`, { timeoutMs, signal })).status === 200;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  /** Asks again and again; a Caddy that hangs, or whose socket is gone or taken, is replaced. */
  async function watch(child: Child, signal: AbortSignal): Promise<void> {
    let missed = 0;
    while (life.at === 'running' && life.child === child) {
      await delay(missed === 0 ? beatMs : 10, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted || life.at !== 'running' || life.child !== child) return;
      const answers = await isOurs(beatTimeoutMs, signal).catch(() => true);
      missed = answers ? 0 : missed + 1;
      if (missed < missedBeats) continue;
      setup.emit({ type: 'warning', message: 'caddy does not answer any more: it is replaced' });
      child.signal('SIGKILL');
      return;
    }
  }

  async function revive(child: Child, how: string): Promise<void> {
    if (life.at !== 'running' || life.child !== child) return;
    quickEnds = performance.now() - life.since < stableMs ? quickEnds + 1 : 0;
    setup.emit({ type: 'warning', message: `caddy ended unexpectedly (${how}): starting it again` });
    const ready = reviving(end.signal);
    life = { at: 'starting', ready };
    await ready.then(
      () => setup.onRestart?.(),
      () => undefined,
    );
  }

  async function reviving(signal: AbortSignal): Promise<void> {
    for (;;) {
      // At once the first time; 0.1, 0.2, 0.4 ... s when it keeps ending.
      if (quickEnds > 0) await delay(Math.min(maxPauseMs, 50 * 2 ** quickEnds), undefined, { signal });
      options.beforeRevival();
      try {
        return await launch(signal);
      } catch (error) {
        signal.throwIfAborted();
        quickEnds++;
        setup.emit({ type: 'warning', message: (error as CampError).message, ...failureOf(error) });
      }
    }
  }

  async function endChild(child: Child): Promise<void> {
    child.signal('SIGTERM');
    if (await settlesWithin(child.exited, stopGraceMs)) return;
    child.signal('SIGKILL');
    await child.exited;
  }

  return {
    get pid() {
      return life.at === 'stopped' ? undefined : life.child?.pid;
    },
    async start(signal) {
      if (life.at !== 'stopped') return;
      end = new AbortController();
      const ready = launch(AbortSignal.any([signal, end.signal]));
      life = { at: 'starting', ready };
      try {
        await ready;
      } catch (error) {
        life = { at: 'stopped' };
        throw error;
      }
    },
    async ready() {
      if (life.at === 'stopped') fail('edge', 'EDGE_UNREACHABLE', 'the edge is not running', { hints: ['camp up'] });
      if (life.at === 'starting') await life.ready;
    },
    async stop() {
      const before = life;
      life = { at: 'stopped' };
      end.abort(new Error('the edge was stopped'));
      if (before.at === 'starting') await before.ready.catch(() => undefined);
      const after = life as Life; // a launch that was just finishing
      const child = after.at === 'running' ? after.child : before.at === 'running' ? before.child : undefined;
      life = { at: 'stopped' };
      if (child) await endChild(child);
      rmSync(socket, { force: true });
    },
    lastLines: () => lines,
  };
}

function failureOf(error: unknown): { failure?: CampError['failures'][number] } {
  const [first] = (error as Partial<CampError>).failures ?? [];
  return first ? { failure: first } : {};
}
