import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from '../../../kit/spawn.ts';

/** Servers lie where only root's PATH leads. */
const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/opt/homebrew/bin', '/opt/homebrew/sbin'];

/** The first of these programs that there is, absolute. */
export function findProgram(names: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const folders = [
    ...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/')),
    ...systemFolders,
  ];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function firstExisting(paths: readonly string[]): string | undefined {
  return paths.find((path) => existsSync(path));
}

/** What a program says of itself, on both outputs; empty where it says nothing. */
export async function wordsOf(argv: readonly string[], signal: AbortSignal): Promise<string> {
  const { stdout, stderr } = await runCommand(argv, { timeoutMs: 10_000, signal });
  signal.throwIfAborted();
  return `${stdout}\n${stderr}`;
}
