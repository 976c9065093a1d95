import { join } from 'node:path';
import { userFolders } from '../../kit/paths.ts';
import type { ComparisonReport, ServerKind } from '../../stopwatch/types.ts';
import { findCaddy } from '../../tools/find-caddy.ts';
import type { Bench } from './bench.ts';
import { compare } from './compare.ts';

export interface RivalsRequest {
  readonly servers: readonly ServerKind[];
  readonly runs: number;
  onProgress(words: string): void;
}

/** Has other servers serve the site of the copy while it runs. Their files are removed with the copy. */
export async function compareWithRivals(bench: Bench, request: RivalsRequest): Promise<ComparisonReport | null> {
  const { project, env, signal, cluster } = bench;
  const { edge } = cluster.report;
  const caddy = findCaddy(userFolders(env), env).tool?.path;
  if (!edge || caddy === undefined) return null;
  const { https, http, caFile } = edge;
  return compare({
    servers: request.servers,
    project,
    endpoints: await bench.endpoints(),
    statics: new Map(
      [...project.services.values()].flatMap(({ name, start }) =>
        start?.kind === 'static' ? [[name, start.root] as const] : [],
      ),
    ),
    mounts: [...project.services.values()].flatMap(({ isEdge, hints }) => (isEdge ? (hints?.mounts ?? []) : [])),
    caddy,
    edge: { https, caFile, ...(http === null ? {} : { http }) },
    runs: request.runs,
    folder: join(bench.dir, '..', '..', 'compared'),
    env,
    signal,
    onProgress: request.onProgress,
  });
}
