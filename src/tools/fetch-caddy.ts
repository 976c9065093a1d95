import { fetchTool } from './fetch.ts';
import type { Source } from './source.ts';
import type { FetchContext, Tool } from './types.ts';

/** Fetches a Caddy that is new enough: `fetchTool` for the one program that every project needs. Throws NO_CADDY (machine). */
export async function fetchCaddy(context: FetchContext, sources?: readonly Source[]): Promise<Tool> {
  return await fetchTool('caddy', {}, context, sources ? { sources } : {});
}
