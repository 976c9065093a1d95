import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Source } from './source.ts';
import { extractOne } from './tar.ts';
import type { FetchContext } from './types.ts';

/**
 * Homebrew's bottle of a program that needs no other, which brew verifies itself; the program is taken out of it,
 * nothing is installed.
 */
export function brewSource(formula: string): Source {
  return {
    origin: 'brew',
    name: 'Homebrew',
    async fetch(folder, context) {
      await brew(['fetch', '--force-bottle', formula], context);
      const bottle = (await brew(['--cache', '--force-bottle', formula], context)).trim();
      const unpacked = await promisify(gunzip)(readFileSync(bottle), { maxOutputLength: 400 * 1024 * 1024 });
      const program = join(folder, formula);
      // A bottle holds completions and links too; only the one regular file is read.
      const isProgram = (name: string): boolean =>
        name.startsWith(`${formula}/`) && name.split('/').slice(2).join('/') === `bin/${formula}`;
      writeFileSync(program, extractOne(unpacked, isProgram, true), { mode: 0o755 });
      return program;
    },
  };
}

async function brew(args: readonly string[], context: FetchContext): Promise<string> {
  const { runCommand } = await import('../kit/spawn.ts');
  const env = Object.fromEntries(
    Object.entries({ ...context.env, HOMEBREW_NO_AUTO_UPDATE: '1', HOMEBREW_NO_ANALYTICS: '1' }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  const result = await runCommand(['brew', ...args], { env, timeoutMs: 180_000, signal: context.signal });
  context.signal.throwIfAborted();
  if (result.errno === 'ENOENT') throw new Error('this system has no Homebrew');
  if (result.exitCode !== 0)
    throw new Error(`brew: ${result.stderr.trim().split('\n').at(-1) ?? `exit code ${result.exitCode}`}`);
  return result.stdout;
}
