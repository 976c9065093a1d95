import type { Site } from '../../../edge/rivals/types.ts';
import type { Certificate } from './certificate.ts';
import {
  askAll,
  beginning,
  contenderOf,
  during,
  type Entrant,
  type Field,
  isBroken,
  raceOnce,
  type Starter,
} from './entrant.ts';
import { fragilityOf, type Outcome, withoutEach } from './fragility.ts';
import { withReplica, withService } from './larger.ts';
import { checked, launch, removed } from './launch.ts';
import type { Probe } from './probes.ts';
import { linesOf } from './rows.ts';
import { untilListening } from './timing.ts';
import type { Place, Rival, Serving } from './types.ts';

/** A server that is not camp: written for, checked, started, asked, raced and taken apart. */
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
