import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../kit/events.ts';
import { fail, failuresOf } from '../kit/failure.ts';
import { isAccessLine } from './access-log.ts';
import type { Admin } from './admin.ts';
import { type Beat, isAnswering, isListening } from './beat.ts';
import { plainLine } from './caddy-log.ts';
import type { ContainerEdgeSetup } from './types.ts';

/** Times of the supervision, in milliseconds; as for a Caddy of this machine. */
const startDeadlineMs: Ms = 10_000;
const beatMs: Ms = 1500;
const beatTimeoutMs: Ms = 1000;
const missedBeats = 3;
const stableMs: Ms = 2000;
const maxPauseMs: Ms = 5000;
/** Asking inside takes a program in the container; a machine that is busy enough to be asked takes its time. */
const insideTimeoutMs: Ms = 3000;
/** Running a program in a container costs a tenth of a second: only asked now and then. */
const askEveryMs: Ms = 500;

/** What the container serves: the ports that it publishes, and where one sees that it is alive. */
export interface Serving {
  readonly ports: readonly number[];
  readonly beat: Beat | undefined;
}

/** One supervised container: it is kept alive from its first `start` to `stop`. */
export interface ContainerLife {
  readonly isRunning: boolean;
  readonly serving: Serving;
  /** Starts it, or changes its ports; resolves when Caddy answers. When it does not, it is away again. */
  start(serving: Serving, signal: AbortSignal): Promise<void>;
  /** What it serves has changed without a start. */
  serves(beat: Beat | undefined): void;
  /** Resolves when Caddy answers, also while it is being started again. */
  ready(): Promise<void>;
  /** Somebody got no answer: looks whether the container is there, and starts it again if not. */
  suspect(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** The last lines of its log, in plain words. */
  lastLines(): readonly string[];
}

/**
 *     stopped ──start──> starting ──answers──> running ──ended, silent──> starting (again, with a growing pause)
 *        ^                   │                    │
 *        └───────────────────┴───────stop─────────┘
 */
type Life =
  | { readonly at: 'stopped' }
  | { readonly at: 'starting'; readonly ready: Promise<void> }
  | { readonly at: 'running'; readonly since: Ms };

export function superviseContainer(setup: ContainerEdgeSetup, admin: Admin, id: string): ContainerLife {
  const { container } = setup;
  const lines: string[] = [];
  let life: Life = { at: 'stopped' };
  let serving: Serving = { ports: [], beat: undefined };
  let end = new AbortController();
  let quickEnds = 0;

  container.onExit?.((how) => void revive(how, false));
  container.onLine?.((raw) => {
    if (isAccessLine(raw)) return void setup.onAccess?.(raw);
    const line = plainLine(raw);
    if (!line) return;
    lines.push(line.text);
    if (lines.length > 20) lines.shift();
    setup.onLine(line.text);
  });

  async function launch(signal: AbortSignal): Promise<void> {
    await container.start(signal, serving.ports);
    await awaitAnswer(signal);
    life = { at: 'running', since: performance.now() };
    void watch(life, end.signal);
  }

  async function awaitAnswer(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + startDeadlineMs;
    let nextAsk = performance.now() + askEveryMs;
    await someoneListens(nextAsk, signal);
    while (performance.now() < deadline) {
      if (serving.beat ? await isAnswering(serving.beat, beatTimeoutMs) : await isOurs(startDeadlineMs, signal)) return;
      if (performance.now() > nextAsk) {
        if (await hasEnded(signal)) break;
        nextAsk = performance.now() + askEveryMs;
      }
      await delay(15, undefined, { signal });
    }
    const isLate = performance.now() >= deadline;
    if (isLate && (await isOurs(insideTimeoutMs, signal))) return;
    if (!isLate) await delay(20); // the last words may still be on their way
    fail(
      'edge',
      'EDGE_UNREACHABLE',
      isLate ? `caddy did not answer within ${startDeadlineMs / 1000} s` : 'caddy ended before it answered',
      { hints: ['camp doctor'], evidence: lines.slice(-10) },
    );
  }

  /** Its start has the processor to itself: until somebody listens in it, no handshake is tried. */
  async function someoneListens(deadline: Ms, signal: AbortSignal): Promise<void> {
    const { address } = container;
    const { beat } = serving;
    if (address === undefined || beat === undefined) return;
    while (performance.now() < deadline && !(await isListening(address, beat.port, beatTimeoutMs)))
      await delay(10, undefined, { signal });
  }

  async function isOurs(timeoutMs: Ms, signal: AbortSignal): Promise<boolean> {
    try {
      return (await admin.ask('GET', `/id/${id}`, { timeoutMs, signal })).status === 200;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  async function hasEnded(signal: AbortSignal): Promise<boolean> {
    try {
      await container.exec(['true'], undefined, signal);
      return false;
    } catch {
      signal.throwIfAborted();
      return true;
    }
  }

  /** Looks again and again from outside; a Caddy that hangs is replaced with its container. */
  async function watch(watched: Life, signal: AbortSignal): Promise<void> {
    let missed = 0;
    while (life === watched) {
      await delay(missed === 0 ? beatMs : 10, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted || life !== watched) return;
      if (serving.beat === undefined) continue;
      const answers = await isAnswering(serving.beat, beatTimeoutMs);
      if (!answers && (await hasEnded(signal).catch(() => false))) return await revive('gone', false);
      missed = answers ? 0 : missed + 1;
      if (missed < missedBeats) continue;
      // behind hundreds of clients that connect, a handshake takes its time: who answers inside is busy, not hung
      if (!(await isOurs(insideTimeoutMs, signal).catch(() => true))) return await revive('no answer', true);
      missed = 0;
    }
  }

  async function revive(how: string, isHung: boolean): Promise<void> {
    if (life.at !== 'running') return;
    quickEnds = performance.now() - life.since < stableMs ? quickEnds + 1 : 0;
    setup.emit({ type: 'warning', message: `the edge's container ended unexpectedly (${how}): starting it again` });
    const ready = reviving(isHung, end.signal);
    life = { at: 'starting', ready };
    await ready.then(
      () => setup.onRestart?.(),
      () => undefined,
    );
  }

  async function reviving(isHung: boolean, signal: AbortSignal): Promise<void> {
    if (isHung) await container.stop();
    for (;;) {
      // At once the first time; 0.1, 0.2, 0.4 ... s when it keeps ending.
      if (quickEnds > 0) await delay(Math.min(maxPauseMs, 50 * 2 ** quickEnds), undefined, { signal });
      try {
        return await launch(signal);
      } catch (error) {
        signal.throwIfAborted();
        quickEnds++;
        // Whatever state it is in (paused, say), a new one is in a known one.
        await container.stop().catch(() => undefined);
        const [failure] = failuresOf(error);
        // somebody is removing it, which has been said: the next one is new
        if (failure?.code === 'CONTAINER_GONE') continue;
        setup.emit({ type: 'warning', message: (error as Error).message, ...(failure ? { failure } : {}) });
      }
    }
  }

  return {
    get isRunning() {
      return life.at !== 'stopped';
    },
    get serving() {
      return serving;
    },
    async start(wanted, signal) {
      if (life.at === 'stopped') end = new AbortController();
      serving = wanted;
      const ready = launch(AbortSignal.any([signal, end.signal]));
      life = { at: 'starting', ready };
      try {
        await ready;
      } catch (error) {
        life = { at: 'stopped' };
        await container.stop().catch(() => undefined);
        throw error;
      }
    },
    serves(beat) {
      serving = { ...serving, beat };
    },
    async ready() {
      if (life.at === 'stopped') fail('edge', 'EDGE_UNREACHABLE', 'the edge is not running', { hints: ['camp up'] });
      if (life.at === 'starting') await life.ready;
    },
    async suspect(signal) {
      if (life.at === 'running' && (await hasEnded(signal))) void revive('gone', false);
    },
    async stop() {
      const before = life;
      life = { at: 'stopped' };
      end.abort(new Error('the edge was stopped'));
      if (before.at === 'starting') await before.ready.catch(() => undefined);
      life = { at: 'stopped' };
      await container.stop();
    },
    lastLines: () => lines,
  };
}
