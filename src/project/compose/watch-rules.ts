import { problemAt } from '../text-file.ts';
import { at, itemsOf, type Tree } from '../tree.ts';
import type { WatchRule } from '../types.ts';
import { splitWords } from '../words.ts';
import type { Context } from './context.ts';
import { declaredVariables } from './environment.ts';
import { pathFrom } from './paths.ts';
import { flagOf, textOf } from './scalars.ts';

const actions: ReadonlySet<string> = new Set<WatchRule['action']>([
  'sync',
  'rebuild',
  'restart',
  'sync+restart',
  'sync+exec',
]);

/** `develop.watch`. Problem: INVALID_VALUE for a rule without path, action, or the target that its action needs. */
export function watchRules(service: Tree, context: Context): readonly WatchRule[] {
  return itemsOf(at(service, 'develop', 'watch')).flatMap((rule) => {
    const path = textOf(at(rule, 'path'));
    const action = textOf(at(rule, 'action')) as WatchRule['action'] | undefined;
    const target = textOf(at(rule, 'target'));
    const include = at(rule, 'include');
    const exec = execOf(at(rule, 'exec'), context);
    const complain = (message: string, hint: string) => {
      context.report(problemAt(rule.at, 'INVALID_VALUE', message, hint));
      return [];
    };
    if (!path || action === undefined)
      return complain('a watch rule needs a path and an action', 'write {path: ./src, action: sync, target: /app/src}');
    // the shape has said it
    if (!actions.has(action)) return [];
    if (action.startsWith('sync') && !target)
      return complain(
        `a watch rule with action ${action} needs a target`,
        'write target: and the folder in the container',
      );
    return [
      {
        path: pathFrom(context.dir, path),
        action,
        ...(target ? { target } : {}),
        ignore: textsOf(at(rule, 'ignore')),
        ...(include ? { include: textsOf(include) } : {}),
        ...(exec ? { exec } : {}),
        isInitialSync: flagOf(at(rule, 'initial_sync')) === true,
      },
    ];
  });
}

function execOf(tree: Tree | undefined, context: Context): WatchRule['exec'] {
  if (tree?.kind !== 'table') return undefined;
  const command = at(tree, 'command');
  const user = textOf(at(tree, 'user'));
  const workDir = textOf(at(tree, 'working_dir'));
  const variables = [...declaredVariables(at(tree, 'environment'))].flatMap(([name, value]) => {
    const known = value ?? context.lookup(name);
    return known === undefined ? [] : [[name, known] as const];
  });
  return {
    command: command?.kind === 'list' ? textsOf(command) : (splitWords(textOf(command) ?? '') ?? []),
    ...(user === undefined ? {} : { user }),
    ...(workDir === undefined ? {} : { workDir }),
    isPrivileged: flagOf(at(tree, 'privileged')) === true,
    env: Object.fromEntries(variables),
  };
}

function textsOf(tree: Tree | undefined): readonly string[] {
  const items = tree?.kind === 'scalar' ? [tree] : itemsOf(tree);
  return items.flatMap((each) => textOf(each) ?? []);
}
