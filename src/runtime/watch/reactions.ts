import type { WatchRule } from '../../project/types.ts';
import type { Rules } from './rules.ts';

/** One path of this machine and its place in the container. */
export interface SyncedPath {
  readonly path: string;
  readonly target: string;
}

/** What has to be done for a service in containers because files have changed. */
export type Reaction =
  /** Build its image and create its containers anew. */
  | { readonly kind: 'rebuild'; readonly service: string; readonly paths: readonly string[] }
  /** Bring the paths into its containers; what is not there any more is removed there. */
  | { readonly kind: 'sync'; readonly service: string; readonly changes: readonly SyncedPath[] }
  | { readonly kind: 'restart'; readonly service: string; readonly paths: readonly string[] }
  /** Run the rule's `exec` in its containers, after the files have arrived. */
  | { readonly kind: 'exec'; readonly service: string; readonly rule: WatchRule };

/**
 * What the changed paths mean, in the order in which it has to be done, which is Compose's: rebuild, sync, restart,
 * exec. However many paths changed, each happens once a service. What has just been built anew is not restarted unless
 * files were brought into it since.
 */
export function changesFor(services: readonly Rules[], paths: readonly string[]): readonly Reaction[] {
  const found = services.map((rules) => ({ service: rules.service, ...sorted(rules, paths) }));
  return [
    ...found.flatMap(({ service, rebuilt }) => some(rebuilt, { kind: 'rebuild', service, paths: rebuilt })),
    ...found.flatMap(({ service, synced }) => some(synced, { kind: 'sync', service, changes: synced })),
    ...found.flatMap(({ service, restarted, rebuilt, synced }) =>
      rebuilt.length > 0 && synced.length === 0 ? [] : some(restarted, { kind: 'restart', service, paths: restarted }),
    ),
    ...found.flatMap(({ service, run }) => run.map((rule): Reaction => ({ kind: 'exec', service, rule }))),
  ];
}

function some(list: readonly unknown[], reaction: Reaction): readonly Reaction[] {
  return list.length > 0 ? [reaction] : [];
}

interface Sorted {
  readonly rebuilt: readonly string[];
  readonly synced: readonly SyncedPath[];
  readonly restarted: readonly string[];
  readonly run: readonly WatchRule[];
}

function sorted(rules: Rules, paths: readonly string[]): Sorted {
  const rebuilt = new Set<string>();
  const restarted = new Set<string>();
  // the same place twice is one copy
  const synced = new Map<string, SyncedPath>();
  const run = new Set<WatchRule>();
  for (const path of paths)
    for (const { rule, target } of rules.matches(path)) {
      if (rule.action === 'rebuild') rebuilt.add(path);
      if (rule.action.startsWith('sync') && target !== undefined) synced.set(target, { path, target });
      if (rule.action === 'restart' || rule.action === 'sync+restart') restarted.add(path);
      if (rule.action === 'sync+exec') run.add(rule);
    }
  return { rebuilt: [...rebuilt], synced: [...synced.values()], restarted: [...restarted], run: [...run] };
}
