import type { Wanted } from '../../../edge/types.ts';
import { addRoute } from '../../../project/edit/caddyfile.ts';
import { sizeOfText } from '../../../project/size/size-of-text.ts';
import { version as campVersion } from '../../version.ts';
import { type CampSetup, startCamp } from './camp.ts';
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
import type { Place, RenderedFile } from './types.ts';

/** camp itself: an edge of its own, which is told the Caddyfile as the edge of a project is. */
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
