import type { Site } from '../../../edge/rivals/types.ts';
import type { Ms } from '../../../kit/events.ts';
import { failuresOf } from '../../../kit/failure.ts';
import { sizeOfText, sumOfSizes } from '../../../project/size/size-of-text.ts';
import { figureOf } from '../../../stopwatch/statistics.ts';
import type { Contender, ServerKind } from '../../../stopwatch/types.ts';
import type { Echoes } from './echo.ts';
import type { Fragility } from './fragility.ts';
import type { Watch } from './launch.ts';
import { type Probe, type Reference, routeProbes, siteProbes } from './probes.ts';
import type { Compared } from './rows.ts';
import { untilListening, untilServed } from './timing.ts';
import type { RenderedFile, Running } from './types.ts';

/** What all contenders have in common. */
export interface Field {
  readonly site: Site;
  /** The same with stand-ins for the services. */
  readonly echoSite: Site;
  readonly echoes: Echoes;
  readonly reference: Reference;
  readonly watch: Watch;
  readonly signal: AbortSignal;
}

/** One that takes part, from its files to its place in the table. */
export interface Entrant {
  readonly server: ServerKind;
  /** Renders, checks, starts and asks. Never rejects but for an aborted signal. */
  prepare(): Promise<void>;
  canRace(): boolean;
  race(isCounted: boolean): Promise<void>;
  breakEach(): Promise<void>;
  remove(): Promise<void>;
  compared(): Compared;
}

/** How one contender is started on one of the two sites, with other files than its own where they are given. */
export interface Starter {
  /** What is done before the clock runs: files are written. */
  ready(): void;
  start(site: 'real' | 'echo', keep: (running: Running) => void): Promise<Running>;
}

export interface State {
  status: Contender['status'];
  reason: string | null;
  probes: readonly Probe[];
  times: Ms[];
  fragility: Fragility | undefined;
}

export function beginning(): State {
  return { status: 'rendered', reason: null, probes: [], times: [], fragility: undefined };
}

/** Runs what needs a server and stops it, however that ends. */
export async function during<T>(start: (keep: (running: Running) => void) => Promise<T>): Promise<T> {
  const kept: Running[] = [];
  try {
    return await start((running) => void kept.push(running));
  } finally {
    for (const running of kept) await running.stop();
  }
}

export async function askAll(state: State, starter: Starter, field: Field): Promise<void> {
  try {
    const routes = await during(async (keep) => {
      const running = await starter.start('real', keep);
      if (!(await untilListening(running, field.site, field.signal)))
        throw new Error(running.ended() ?? 'it takes no connections');
      return await routeProbes(field.site, running, field.reference, field.signal);
    });
    const whole = await during(async (keep) => {
      const running = await starter.start('echo', keep);
      await untilListening(running, field.echoSite, field.signal);
      const all: Probe[] = [];
      for await (const each of siteProbes(field.echoSite, running, field.echoes, field.signal)) all.push(each);
      return all;
    });
    state.probes = [...routes, ...whole];
    state.status = 'served';
  } catch (error) {
    field.signal.throwIfAborted();
    state.status = 'failed';
    state.reason = failuresOf(error)[0]?.message ?? String(error);
  }
}

export async function raceOnce(state: State, starter: Starter, field: Field, isCounted: boolean): Promise<void> {
  try {
    starter.ready();
    const ms = await during((keep) =>
      untilServed(
        () => starter.start('real', keep),
        field.site,
        field.reference,
        field.signal,
        () => undefined,
      ),
    );
    if (isCounted) state.times.push(ms);
  } catch (error) {
    field.signal.throwIfAborted();
    state.status = 'failed';
    state.reason = failuresOf(error)[0]?.message ?? String(error);
  }
}

export function contenderOf(
  state: State,
  server: ServerKind,
  version: string | null,
  files: readonly RenderedFile[],
  steps: readonly string[],
): Contender {
  const sizes = files.map(({ kind, text }) => sizeOfText(kind, text));
  return {
    server,
    version,
    status: state.status,
    reason: state.reason,
    files: files.map(({ path }, i) => ({ path, lines: sizes[i]?.lines ?? 0 })),
    size: sumOfSizes(sizes),
    steps,
    timeToFirstRequestMs: state.times.length > 0 ? figureOf(state.times) : null,
    probes: state.probes,
  };
}

/** Whether a probe fails that the whole configuration passes: the first is enough. */
export async function isBroken(running: Running, field: Field, before: readonly Probe[]): Promise<boolean> {
  const passed = new Set(before.filter(({ isPassed }) => isPassed).map(({ name }) => name));
  for await (const { name, isPassed } of siteProbes(field.echoSite, running, field.echoes, field.signal))
    if (!isPassed && passed.has(name)) return true;
  return false;
}
