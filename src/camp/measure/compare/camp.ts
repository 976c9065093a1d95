import { join } from 'node:path';
import { authorityFiles } from '../../../edge/authority.ts';
import { createEdge } from '../../../edge/edge.ts';
import type { Wanted } from '../../../edge/types.ts';
import type { Watch } from './launch.ts';
import type { Place, Running } from './types.ts';

export interface CampSetup {
  readonly caddy: string;
  readonly projectDir: string;
  /** What Caddy sees: PATH, HOME, what .env declares. */
  readonly env: Readonly<Record<string, string>>;
  readonly watch: Watch;
}

/** In the project's folder, because the path of a socket must be short. */
export const campRunDir = join('.camp', 'compared');

/** An edge of camp's own, besides the one that the project has: with an authority and ports of its own. */
export async function startCamp(
  setup: CampSetup,
  place: Place,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Running & { route(next: Wanted): Promise<void> }> {
  const storage = join(place.folder, 'storage');
  const edge = createEdge({
    caddy: setup.caddy,
    projectDir: setup.projectDir,
    runDir: campRunDir,
    storage,
    env: setup.env,
    ports: { https: place.https, http: place.http },
    emit: () => undefined,
    onLine: () => undefined,
    guard: setup.watch,
  });
  try {
    await edge.start(signal);
    await edge.route(wanted, signal);
  } catch (error) {
    await edge.stop();
    throw error;
  }
  return {
    caFile: authorityFiles(storage).root,
    https: place.https,
    http: place.http,
    ended: () => undefined,
    stop: () => edge.stop(),
    route: async (next) => void (await edge.route(next, signal)),
  };
}
