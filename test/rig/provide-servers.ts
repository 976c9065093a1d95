import { userFolders } from '../../src/kit/paths.ts';
import { fetchTool } from '../../src/tools/fetch.ts';
import { findTool } from '../../src/tools/find.ts';
import type { Tool, ToolName, Wish } from '../../src/tools/types.ts';

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
