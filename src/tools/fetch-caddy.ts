import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../kit/failure.ts';
import { makeFolder } from '../kit/files.ts';
import { withLock } from '../kit/lock.ts';
import { aptSource } from './apt.ts';
import { brewSource } from './brew.ts';
import { installIntoCache, toolsFolder } from './cache.ts';
import { findCaddy } from './find-caddy.ts';
import { releaseSource } from './release.ts';
import type { Source } from './source.ts';
import type { Attempt, FetchContext, Tool } from './types.ts';
import { minimumVersion } from './version.ts';

/**
 * Fetches a Caddy into the tool cache, without root, from the first source that works. Two commands at once
 * fetch it once. Throws NO_CADDY (machine) with every attempt; what a failed or interrupted attempt has written is removed.
 */
export async function fetchCaddy(
  context: FetchContext,
  sources: readonly Source[] = [releaseSource(), aptSource, brewSource],
): Promise<Tool> {
  const folder = toolsFolder(context.folders);
  makeFolder(folder, 0o700);
  return await withLock(join(folder, 'fetch.lock'), 'fetching caddy', () => fetchFirst(context, sources), {
    waitMs: 300_000,
    signal: context.signal,
  });
}

async function fetchFirst(context: FetchContext, sources: readonly Source[]): Promise<Tool> {
  const before = findCaddy(context.folders, context.env);
  if (before.tool) return before.tool; // another command has just fetched it
  const attempts: Attempt[] = [...before.attempts];
  for (const source of sources) {
    context.emit({ type: 'note', subject: 'tool:caddy', message: `fetching caddy: ${source.name}` });
    try {
      const tool = await tryOne(source, context);
      context.emit({
        type: 'note',
        subject: 'tool:caddy',
        message: `caddy ${tool.version} fetched from ${source.name}`,
      });
      return tool;
    } catch (error) {
      context.signal.throwIfAborted();
      const outcome = `${source.name}: ${error instanceof Error ? error.message : String(error)}`;
      attempts.push({ origin: source.origin, outcome, isUsable: false });
      context.emit({ type: 'note', subject: 'tool:caddy', message: outcome });
    }
  }
  fail('machine', 'NO_CADDY', `no Caddy ${minimumVersion} or newer is here, and none could be fetched`, {
    hints: [
      'install Caddy and run the command again: https://caddyserver.com/docs/install',
      'camp doctor shows what was tried',
    ],
    evidence: attempts.map((attempt) => attempt.outcome),
  });
}

async function tryOne(source: Source, context: FetchContext): Promise<Tool> {
  const folder = mkdtempSync(join(toolsFolder(context.folders), '.fetch-'));
  try {
    const program = await source.fetch(folder, context);
    context.signal.throwIfAborted();
    return installIntoCache(context.folders, program, source.origin);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
