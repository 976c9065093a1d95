import type { Site } from '../../../edge/rivals/types.ts';
import type { Wanted } from '../../../edge/types.ts';
import type { Ms } from '../../../kit/events.ts';
import { failuresOf } from '../../../kit/failure.ts';
import { addRoute } from '../../../project/edit/caddyfile.ts';
import { sizeOfText, sumOfSizes } from '../../../project/size/size-of-text.ts';
import { figureOf } from '../../../stopwatch/statistics.ts';
import type { Contender, ServerKind } from '../../../stopwatch/types.ts';
import { version as campVersion } from '../../version.ts';
import { type CampSetup, startCamp } from './camp.ts';
import type { Certificate } from './certificate.ts';
import type { Echoes } from './echo.ts';
import { type Fragility, fragilityOf, type Outcome, withoutEach } from './fragility.ts';
import { withReplica, withService } from './larger.ts';
import { checked, launch, removed, type Watch } from './launch.ts';
import { type Probe, type Reference, routeProbes, siteProbes } from './probes.ts';
import { type Compared, linesOf } from './rows.ts';
import { untilListening, untilServed } from './timing.ts';
import type { Place, RenderedFile, Rival, Running, Serving } from './types.ts';

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
interface Starter {
  /** What is done before the clock runs: files are written. */
  ready(): void;
  start(site: 'real' | 'echo', keep: (running: Running) => void): Promise<Running>;
}

interface State {
  status: Contender['status'];
  reason: string | null;
  probes: readonly Probe[];
  times: Ms[];
  fragility: Fragility | undefined;
}

function beginning(): State {
  return { status: 'rendered', reason: null, probes: [], times: [], fragility: undefined };
}

/** Runs what needs a server and stops it, however that ends. */
async function during<T>(start: (keep: (running: Running) => void) => Promise<T>): Promise<T> {
  const kept: Running[] = [];
  try {
    return await start((running) => void kept.push(running));
  } finally {
    for (const running of kept) await running.stop();
  }
}

async function askAll(state: State, starter: Starter, field: Field): Promise<void> {
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

async function raceOnce(state: State, starter: Starter, field: Field, isCounted: boolean): Promise<void> {
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

function contenderOf(
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
async function isBroken(running: Running, field: Field, before: readonly Probe[]): Promise<boolean> {
  const passed = new Set(before.filter(({ isPassed }) => isPassed).map(({ name }) => name));
  for await (const { name, isPassed } of siteProbes(field.echoSite, running, field.echoes, field.signal))
    if (!isPassed && passed.has(name)) return true;
  return false;
}

export function rivalEntrant(
  field: Field,
  rival: Rival,
  place: Place,
  { caFile }: Certificate,
  uncertified: string | undefined,
): Entrant {
  const state = beginning();
  const rendered = field.site.refused.length > 0 ? { refused: field.site.refused } : rival.render(field.site, place);
  const isRefused = 'refused' in rendered;
  const files = isRefused ? [] : rendered.files;
  const needsCertificate = rival.server === 'nginx' || rival.server === 'apache';
  let serving: Serving | undefined;

  /** The files for a site, or the first of them as `text`. */
  function install(site: Site, text?: string): Serving {
    const own = rival.render(site, place);
    const all = 'refused' in own ? [] : own.files;
    serving = rival.install(
      text === undefined ? all : all.map((file, i) => (i === 0 ? { ...file, text } : file)),
      site,
      place,
    );
    return needsCertificate ? { ...serving, caFile } : serving;
  }

  let readied: Serving | undefined;
  const starter: Starter = {
    ready() {
      readied = install(field.site);
    },
    async start(site, keep) {
      const there = readied ?? install(site === 'real' ? field.site : field.echoSite);
      readied = undefined;
      const running = await launch(there, place, field.watch);
      keep(running);
      return running;
    },
  };

  async function tryWithout(text: string, before: readonly Probe[]): Promise<Outcome> {
    const there = install(field.echoSite, text);
    if ((await checked(there, field.signal)) !== undefined) return 'rejected';
    return await during(async (keep) => {
      const running = await launch(there, place, field.watch);
      keep(running);
      if (!(await untilListening(running, field.echoSite, field.signal))) return 'does not start';
      return (await isBroken(running, field, before)) ? 'breaks' : 'same';
    });
  }

  return {
    server: rival.server,
    async prepare() {
      if (isRefused) {
        state.status = 'failed';
        state.reason = `not written for ${rival.server}: ${rendered.refused.join(', ')}`;
        return;
      }
      const left = [...field.site.omitted, ...rendered.omitted];
      const omitted = left.length > 0 ? `left out: ${left.join(', ')}` : null;
      state.reason = omitted;
      const missing = rival.missing ?? (needsCertificate ? uncertified : undefined);
      if (missing !== undefined) {
        state.reason = [missing, ...(omitted === null ? [] : [omitted])].join('; ');
        return;
      }
      const refusal = await checked(install(field.site), field.signal);
      if (refusal !== undefined) {
        state.status = 'failed';
        state.reason = `its checker refuses the files: ${refusal}`;
        return;
      }
      state.status = 'checked';
      if (rival.obstacle !== undefined) {
        state.reason = [rival.obstacle, ...(omitted === null ? [] : [omitted])].join('; ');
        return;
      }
      await askAll(state, starter, field);
    },
    canRace: () => state.status === 'served',
    race: (isCounted) => raceOnce(state, starter, field, isCounted),
    async breakEach() {
      if (state.status !== 'served' || rival.server === 'compose') return;
      const whole = rival.render(field.echoSite, place);
      const text = 'refused' in whole ? '' : (whole.files[0]?.text ?? '');
      const before = state.probes;
      state.fragility = await fragilityOf(withoutEach(text), (each) => tryWithout(each, before));
      install(field.site);
    },
    async remove() {
      if (serving) await removed(serving);
    },
    compared() {
      const linesFor = (site: Site | undefined): number | undefined => {
        const larger = site && !isRefused ? rival.render(site, place) : { refused: [] };
        return 'refused' in larger ? undefined : linesOf(larger.files) - linesOf(files);
      };
      const steps = isRefused
        ? []
        : [...(rival.server === 'compose' ? [] : replicaSteps(field)), ...rival.steps(field.site, place)];
      return {
        contender: contenderOf(state, rival.server, rival.version, files, steps),
        files,
        fragility: state.fragility,
        linesPerService: linesFor(withService(field.site)),
        linesPerReplica: linesFor(withReplica(field.site)),
      };
    },
  };
}

/** Nothing but camp starts the services. */
function replicaSteps({ echoes }: Field): readonly string[] {
  return [...new Set(echoes.endpoints.map(({ replica }) => replica.split(':').slice(0, 2).join(' ')))].map(
    (replica) => `start ${replica}`,
  );
}

export async function campEntrant(field: Field, setup: CampSetup, place: Place, wanted: Wanted): Promise<Entrant> {
  const state = beginning();
  const onEchoes: Wanted = { ...wanted, endpoints: field.echoes.endpoints };
  const text = wanted.caddyfile.text;
  const files: readonly RenderedFile[] = [{ path: 'Caddyfile', kind: 'caddyfile', text }];
  const starter: Starter = {
    ready: () => undefined,
    async start(site, keep) {
      const running = await startCamp(setup, place, site === 'real' ? wanted : onEchoes, field.signal);
      keep(running);
      return running;
    },
  };
  return {
    server: 'camp',
    prepare: () => askAll(state, starter, field),
    canRace: () => state.status === 'served',
    race: (isCounted) => raceOnce(state, starter, field, isCounted),
    async breakEach() {
      if (state.status !== 'served') return;
      await during(async (keep) => {
        const running = await startCamp(setup, place, onEchoes, field.signal);
        keep(running);
        state.fragility = await fragilityOf(withoutEach(text), async (each): Promise<Outcome> => {
          try {
            await running.route({ ...onEchoes, caddyfile: { ...wanted.caddyfile, text: each } });
          } catch {
            field.signal.throwIfAborted();
            return 'rejected';
          }
          return (await isBroken(running, field, state.probes)) ? 'breaks' : 'same';
        });
      });
    },
    remove: async () => undefined,
    compared() {
      const added = addRoute(text, {
        service: 'one-more',
        port: 8080,
        domain: wanted.domain,
        at: { path: '/one-more' },
      });
      const before = sizeOfText('caddyfile', text).lines;
      return {
        contender: contenderOf(state, 'camp', campVersion, files, ['edit Caddyfile', 'edit compose.yaml', 'camp up']),
        files,
        fragility: state.fragility,
        linesPerService: 'text' in added ? sizeOfText('caddyfile', added.text).lines - before : undefined,
        linesPerReplica: 0,
      };
    },
  };
}
