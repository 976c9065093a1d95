import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { userFolders } from '../../src/kit/paths.ts';
import { fetchTool } from '../../src/tools/fetch.ts';
import { findTool } from '../../src/tools/find.ts';
import type { Tool, ToolName, Wish } from '../../src/tools/types.ts';
import type { Home } from './cluster.ts';

/** A server's program as camp gets it: on the machine, or fetched. Undefined, with the reason printed, where it cannot be had; in CI that is a failure. */
export async function provideServer(name: ToolName, wish: Wish = {}): Promise<Tool | undefined> {
  const folders = userFolders();
  const found = findTool(name, wish, folders).tool;
  if (found) return found;
  try {
    const signal = AbortSignal.timeout(110_000);
    return await fetchTool(name, wish, { folders, env: process.env, signal, emit: () => undefined });
  } catch (error) {
    if (process.env['CI']) throw error;
    process.stderr.write(`${name} cannot be had here: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

/**
 * Servers for projects of a home of its own: what the user's tool cache has is seen from there, so that nothing is
 * fetched again. Returns those that cannot be had.
 */
export async function shareServers(
  home: Home,
  wishes: Readonly<Partial<Record<ToolName, Wish>>>,
): Promise<readonly ToolName[]> {
  const missing: ToolName[] = [];
  for (const [name, wish] of Object.entries(wishes) as [ToolName, Wish][])
    if (!(await provideServer(name, wish))) missing.push(name);
  const [tools, seen] = [join(userFolders().cache, 'tools'), join(home.dir, 'camp', 'cache', 'tools')];
  mkdirSync(tools, { recursive: true });
  mkdirSync(join(seen, '..'), { recursive: true });
  if (!existsSync(seen)) symlinkSync(tools, seen);
  return missing;
}
