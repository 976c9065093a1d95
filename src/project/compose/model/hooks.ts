import { command } from './command.ts';
import { variables } from './pairs.ts';
import { path } from './paths.ts';
import { type Fields, flag, listOf, type Print, struct, text, texts } from './print.ts';

const hookFields: Fields = { command, user: text, privileged: flag, working_dir: text, environment: variables };
const hook = struct(hookFields, { command: null });

export const hooks: Print = listOf(hook);

export const ruleFields: Fields = {
  path: (tree, context) => context.realPath(String(path(tree, context) ?? '')),
  action: text,
  target: text,
  exec: hook,
  include: texts,
  ignore: texts,
  initial_sync: flag,
};

export const develop: Print = struct({ watch: listOf(struct(ruleFields, { exec: { command: null } })) });
