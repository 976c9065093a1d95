import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SyncedPath } from './reactions.ts';
import type { Rules } from './rules.ts';

/** What says how a project is built and run goes into no container by itself, as in Compose. */
const aside = /^(Dockerfile|(docker-)?compose(\.override)?\.ya?ml)$/;

/** What `initial_sync` asks for: everything that the rules with it cover, to be copied when the watching begins. */
export function initialSync(rules: Rules): readonly SyncedPath[] {
  const found = new Map<string, SyncedPath>();
  for (const root of rules.initialPaths)
    for (const path of filesIn(root, rules))
      for (const { rule, target } of rules.matches(path))
        if (rule.isInitialSync && target !== undefined && !aside.test(basename(path)))
          found.set(target, { path, target });
  return [...found.values()];
}

function filesIn(path: string, rules: Rules): readonly string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats?.isFile() ? [path] : [];
  if (rules.ignoresFolder(path)) return [];
  return readdirSync(path).flatMap((name) => filesIn(join(path, name), rules));
}
