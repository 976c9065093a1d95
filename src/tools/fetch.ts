import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../kit/failure.ts';
import { makeFolder } from '../kit/files.ts';
import { withLock } from '../kit/lock.ts';
import { installIntoCache, toolsFolder } from './cache.ts';
import { findTool } from './find.ts';
import { installHint, type KnownTool, knownTools, systemFolders, wantedMajor } from './known.ts';
import type { Source } from './source.ts';
import { sourcesOf } from './sources.ts';
import type { Attempt, FetchContext, Tool, ToolName, Wish } from './types.ts';
import { majorOf } from './version.ts';

/** Where to look and where to fetch from; tests give their own. */
export interface FetchOptions {
  readonly sources?: readonly Source[];
  readonly places?: readonly string[];
}

/**
 * Fetches a program into the tool cache, without root, from the first source that works; one that is here already is
 * taken as it is. Two commands at once fetch it once. Where PostgreSQL cannot be had in the wanted major version, one of
 * another version that is here is taken, with a note. Throws NO_CADDY, NO_PSQL or NO_SERVER (machine) with every
 * attempt; what a failed or interrupted attempt has written is removed.
 */
export async function fetchTool(
  name: ToolName,
  wish: Wish,
  context: FetchContext,
  options: FetchOptions = {},
): Promise<Tool> {
  const folder = toolsFolder(context.folders);
  makeFolder(folder, 0o700);
  const { title } = knownTools[name];
  return await withLock(
    join(folder, `fetch-${name}.lock`),
    `fetching ${title}`,
    () => fetchFirst({ known: knownTools[name], wish, context, options }),
    { waitMs: 300_000, signal: context.signal },
  );
}

interface Job {
  readonly known: KnownTool;
  readonly wish: Wish;
  readonly context: FetchContext;
  readonly options: FetchOptions;
}

async function fetchFirst(job: Job): Promise<Tool> {
  const { known, wish, context, options } = job;
  const { name } = known;
  const before = findTool(name, wish, context.folders, context.env, options.places ?? systemFolders(name));
  if (before.tool) return before.tool; // another command has just fetched it
  const note = (message: string): void => context.emit({ type: 'note', subject: `tool:${name}`, message });
  const attempts: Attempt[] = [...before.attempts];
  for (const source of options.sources ?? sourcesOf(name, wish)) {
    note(`fetching ${labelOf(known, wish)}: ${source.name}`);
    try {
      const tool = await tryOne(source, job);
      note(`${name} ${tool.version} fetched from ${source.name}`);
      return tool;
    } catch (error) {
      context.signal.throwIfAborted();
      const outcome = `${source.name}: ${error instanceof Error ? error.message : String(error)}`;
      attempts.push({ origin: source.origin, outcome, isUsable: false });
      note(outcome);
    }
  }
  if (before.other) {
    note(
      `${labelOf(known, wish)} could not be had: ${before.other.path} is ${before.other.version} and stands in for it`,
    );
    return before.other;
  }
  none(known, wish, attempts);
}

function labelOf({ name }: KnownTool, wish: Wish): string {
  return [name, wantedMajor(name, wish)].filter((one) => one !== undefined).join(' ');
}

function none(known: KnownTool, wish: Wish, attempts: readonly Attempt[]): never {
  const { name, title, minimum } = known;
  const what = `${title} ${wantedMajor(name, wish) ?? `${minimum} or newer`}`;
  const code = name === 'caddy' ? 'NO_CADDY' : name === 'psql' ? 'NO_PSQL' : 'NO_SERVER';
  const why = name === 'rabbitmq' ? 'camp fetches none' : 'none could be fetched';
  fail('machine', code, `no ${what} is here, and ${why}`, {
    hints: [installHint(known), ...(name === 'psql' ? [] : ['camp doctor shows what was tried'])],
    evidence: attempts.map((attempt) => attempt.outcome),
  });
}

async function tryOne(source: Source, { known, wish, context }: Job): Promise<Tool> {
  const folder = mkdtempSync(join(toolsFolder(context.folders), '.fetch-'));
  try {
    const fetched = await source.fetch(folder, context);
    context.signal.throwIfAborted();
    const tool = installIntoCache(context.folders, known, fetched, source.origin);
    const major = wantedMajor(known.name, wish);
    if (major !== undefined && majorOf(tool.version) !== major) throw new Error(`it is ${tool.version}, not ${major}`);
    return tool;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
