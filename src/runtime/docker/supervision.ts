import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.ts';
import type { Ms } from '../../kit/events.ts';
import { type Failure, failuresOf } from '../../kit/failure.ts';
import { backoffMs, crashLoop, soundAfterMs } from '../backoff.ts';
import type { Life } from '../life.ts';
import { type EndedRun, Restarts } from '../restarts.ts';
import { untilAborted } from '../until-aborted.ts';
import type { Wish } from '../wish.ts';
import type { Api, ContainerDetail } from './engine/types.ts';
import { isUp, meaningOf, wasKilled } from './exits.ts';
import { cannotStart } from './failures.ts';
import type { LogFollower } from './log-follower.ts';
import type { ReplicaSpec } from './replica.ts';
import type { Serving } from './serving.ts';
import type { Sight } from './sight.ts';

export interface SupervisionOf {
  readonly spec: ReplicaSpec;
  readonly api: Api;
  readonly clock: Clock;
  readonly life: Life;
  readonly wish: Wish;
  readonly sight: Sight;
  readonly serving: Serving;
  readonly logs: LogFollower;
  /** Starts its container. Throws what the engine or Compose says. */
  boot(spec: ReplicaSpec): Promise<void>;
  /** Resolves when the engine can be reached. */
  engineIsBack(signal: AbortSignal): Promise<void>;
  /** Whether a service that it depends on is still on its way: what fails without that is not to blame. */
  awaitsOthers(): boolean;
  /** Why it is not started again, in the words of its log. */
  failureOf(exit: ContainerDetail): Promise<Failure>;
}

/** Docker's own restarts, `restart: always`, come in quick succession at first: it takes more of them to call it a loop. */
const dockerCrashLoopStarts = 8;
/** How often is looked whether what it depends on has become ready. */
const othersPauseMs: Ms = 100;

/** What keeps one container running: its starts, and what follows from each of its ends. */
export class Supervision {
  readonly #of: SupervisionOf;
  readonly #restarts: Restarts;
  /** Resolves when nothing starts the container again. */
  over: Promise<void> = Promise.resolve();
  isBooting = false;

  constructor(of: SupervisionOf) {
    this.#of = of;
    this.#restarts = new Restarts(of.clock);
  }

  /** Throws why its container does not start. */
  async start(): Promise<void> {
    this.#of.wish.run();
    this.#restarts.startOver();
    await this.#boot();
    this.over = this.#live();
  }

  /** Takes over what runs already. */
  adopt(seen: ContainerDetail): void {
    const { sight, life, logs } = this.#of;
    sight.seen = seen;
    life.become({ at: 'starting' });
    logs.skipWhatIsThere();
    this.over = this.#live();
  }

  /** Somebody asked for a restart: what happened before does not make it a crash loop. */
  forget(): void {
    this.#restarts.forget();
  }

  /** One turn a start: until the container has ended, and what follows from that. */
  async #live(): Promise<void> {
    const { wish, sight } = this.#of;
    for (;;) {
      const startedAt = sight.seen?.startedAt ?? '';
      const readyFor = await this.#attend(startedAt);
      const { seen } = sight;
      if (wish.is('stop')) return;
      if (wish.is('restart')) {
        this.#restarts.startOver();
        await this.#end();
      } else if (!seen || seen.status === 'removing') {
        return this.#becomeRemoved();
      } else if (seen.status === 'restarting' || seen.startedAt !== startedAt) {
        if (!(await this.#followRestart(seen, readyFor))) return;
        continue;
      } else {
        const run: EndedRun = { readyFor, wasKilled: wasKilled(seen) };
        if (!(await this.#mayStartAgain(seen, run))) return;
        const attempt = this.#restarts.nextAttempt(run);
        if (attempt !== undefined) await this.#pause(attempt);
        if (wish.is('stop')) return;
      }
      if (!(await this.#bootAgain())) return;
    }
  }

  /** Before its next start; cut short when what it depends on has become ready meanwhile. */
  async #pause(attempt: number): Promise<void> {
    const { life, wish, awaitsOthers } = this.#of;
    const soon = new AbortController();
    const timer = awaitsOthers() ? setInterval(() => awaitsOthers() || soon.abort(), othersPauseMs) : undefined;
    await life.backOff(attempt, AbortSignal.any([wish.changed, soon.signal]));
    clearInterval(timer);
    if (soon.signal.aborted) this.#restarts.startOver();
  }

  /** Watches one run of the container to its end or until the wish changes; returns how long it was ready, if it was. */
  async #attend(startedAt: string): Promise<Ms | undefined> {
    const { spec, clock, life, wish, sight, serving, logs } = this.#of;
    const over = new AbortController();
    const look = (): void => {
      const { seen } = sight;
      if (!seen || !isUp(seen) || seen.startedAt !== startedAt) over.abort();
    };
    const unwatch = life.changes.watch(look);
    look();
    const signal = AbortSignal.any([over.signal, wish.changed]);
    const { seen } = sight;
    let readySince: Ms | undefined;
    try {
      if (seen) logs.follow(seen);
      if (!spec.service.isOneShot && seen) {
        await serving.begin(seen, signal);
        readySince = clock.now();
      }
      await untilAborted(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      unwatch();
      serving.end();
    }
    return readySince === undefined ? undefined : clock.now() - readySince;
  }

  /** Docker starts it again by its policy; false when that has become a crash loop. */
  async #followRestart(exit: ContainerDetail, readyFor: Ms | undefined): Promise<boolean> {
    const { api, clock, life, wish, sight, serving, awaitsOthers, failureOf } = this.#of;
    const isEarly = awaitsOthers();
    if (!isEarly && (readyFor === undefined || readyFor < soundAfterMs)) this.#restarts.count();
    // what runs again already has no code to say any more
    const code = exit.status === 'restarting' ? ` with code ${exit.exitCode}` : '';
    life.note(`ended${code}: Docker starts it again`);
    const attempt = this.#restarts.ofLate();
    if (attempt >= dockerCrashLoopStarts) {
      await api.stopContainer(exit.id, { graceMs: 0 });
      life.become({ at: 'crash-loop', failure: await failureOf(exit) });
      return false;
    }
    life.become({ at: 'backing-off', attempt, until: clock.now() + backoffMs(attempt) });
    const isBack = (): boolean => sight.seen?.status !== 'restarting';
    while (!isBack() && wish.is('run')) {
      await life.changes.next(isEarly ? othersPauseMs : 60_000, wish.changed, isBack).catch(() => undefined);
      if (!isEarly || isBack() || !wish.is('run') || awaitsOthers()) continue;
      // Docker's pauses double, up to a minute: it has nothing to wait for any more
      await api.stopContainer(exit.id, { graceMs: 0 });
      return this.#bootAgain();
    }
    if (wish.is('run') && sight.seen?.status === 'running') {
      serving.lastAnswer = undefined;
      life.become({ at: 'starting' });
    }
    return true;
  }

  /** Decides what an exit means; false when it is not to be started again now. */
  async #mayStartAgain(exit: ContainerDetail, run: EndedRun): Promise<boolean> {
    const { spec, life, awaitsOthers, failureOf } = this.#of;
    const meaning = meaningOf(exit, spec, run.readyFor);
    if (meaning === 'over') {
      life.become({ at: 'exited', code: exit.exitCode, signal: null });
      return false;
    }
    if (!awaitsOthers()) this.#restarts.countEnd(run);
    const failure = await failureOf(exit);
    // a mistake in a file of the project is there at the next start as well
    if (meaning === 'hopeless' || failure.fault === 'project' || this.#restarts.ofLate() >= crashLoop.starts) {
      life.become({ at: 'crash-loop', failure });
      return false;
    }
    life.note(exit.isOomKilled ? 'was killed: it used too much memory' : `ended with code ${exit.exitCode}`);
    return true;
  }

  async #bootAgain(): Promise<boolean> {
    const { life, wish, engineIsBack } = this.#of;
    // a stop that arrives from here on counts for the new start
    if (wish.is('restart')) wish.run();
    for (;;) {
      try {
        await this.#boot();
        return true;
      } catch (error) {
        if (wish.is('stop')) return false;
        const [failure] = failuresOf(error) as readonly [Failure];
        if (failure.code === 'ENGINE_UNREACHABLE' || failure.code === 'ENGINE_HANGS') {
          await delay(200);
          await engineIsBack(wish.changed).catch(() => undefined);
          if (wish.is('stop')) return false;
          continue;
        }
        if (failure.code === 'CONTAINER_GONE') this.#becomeRemoved();
        else life.become({ at: 'crash-loop', failure });
        return false;
      }
    }
  }

  #becomeRemoved(): void {
    const { life } = this.#of;
    life.note('its container was removed from outside');
    life.become({ at: 'exited', code: null, signal: null });
  }

  async #boot(): Promise<void> {
    const { spec, life, sight, serving, boot } = this.#of;
    serving.lastAnswer = undefined;
    this.isBooting = true;
    try {
      await boot(spec);
      await sight.look();
    } catch (error) {
      throw cannotStart(spec.service.name, error);
    } finally {
      this.isBooting = false;
    }
    life.become({ at: 'starting' });
  }

  async #end(): Promise<void> {
    const { spec, api, life } = this.#of;
    life.become({ at: 'stopping' });
    const { graceMs } = spec.service.stop;
    await api.stopContainer(spec.containerId, { graceMs }).catch(() => undefined);
  }
}
