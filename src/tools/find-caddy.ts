import type { UserFolders } from '../kit/paths.ts';
import { findTool } from './find.ts';
import type { ToolSearch } from './types.ts';

/** Looks for a Caddy that is new enough: `findTool` for the one program that every project needs. */
export function findCaddy(folders: UserFolders, env: NodeJS.ProcessEnv = process.env): ToolSearch {
  return findTool('caddy', {}, folders, env);
}
