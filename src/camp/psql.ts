import type { Emit, Ms } from '../kit/events.ts';
import { userFolders } from '../kit/paths.ts';
import { isOnPath } from '../project/recognise/folder.ts';
import { findTool } from '../tools/find.ts';
import type { Tool } from '../tools/types.ts';
import type { RunRequest } from './run.ts';

const longestMs: Ms = 300_000;

/**
 * The environment of a command that is psql, which not every installation of the server brings along: one that is
 * nowhere on its PATH is found elsewhere, or fetched. Throws NO_PSQL (machine).
 */
export async function withPsql(
  env: Readonly<Record<string, string>>,
  request: RunRequest,
): Promise<Readonly<Record<string, string>>> {
  if (isOnPath('psql', env)) return env; // whatever it is, it is the person's own
  const tool = findTool('psql', {}, userFolders(request.env), env).tool ?? (await fetched(request));
  return { ...env, ...tool.env, PATH: `${tool.bin}:${env['PATH'] ?? ''}` };
}

async function fetched({ env, onNote }: RunRequest): Promise<Tool> {
  const { fetchTool } = await import('../tools/fetch.ts');
  const signal = AbortSignal.timeout(longestMs);
  const emit: Emit = (event) => void (event.type === 'note' && onNote(event.message));
  return fetchTool('psql', {}, { folders: userFolders(env), env, signal, emit });
}
