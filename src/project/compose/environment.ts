import { problemAt } from '../text-file.ts';
import { at, entriesOf, itemsOf, type Tree } from '../tree.ts';
import type { Context } from './context.ts';
import { readDotEnv, readRawEnv } from './dotenv.ts';
import type { Lookup } from './interpolate.ts';
import { pathFrom } from './paths.ts';
import { flagOf, textOf } from './scalars.ts';

/**
 * A service's whole declared environment: its env files in their order, then `environment`, which wins
 * (compose-spec, 05-services). A name without a value takes it from the caller, or is left out. Variables in
 * an env file are those of the caller, then those of `environment`. Problems: ENV_FILE_MISSING and those of
 * the files themselves.
 */
export function environmentOf(service: Tree, context: Context): Readonly<Record<string, string>> {
  // no prototype: a variable may be called __proto__
  const env = Object.create(null) as Record<string, string>;
  const own = new Map<string, string | undefined>();
  for (const [name, value] of declaredVariables(at(service, 'environment')))
    own.set(name, value ?? context.lookup(name));
  const lookup = (name: string) => context.lookup(name) ?? own.get(name);
  for (const [name, value] of inEnvFiles(service, lookup, context)) env[name] = value;
  for (const [name, value] of own) {
    if (value !== undefined) env[name] = value;
    else delete env[name];
  }
  return env;
}

/** The entries of an `environment`, in either form; undefined where a name stands without a value. */
export function* declaredVariables(environment: Tree | undefined): Generator<readonly [string, string | undefined]> {
  for (const [name, { value }] of entriesOf(environment)) yield [name, textOf(value)];
  for (const item of itemsOf(environment)) {
    const text = textOf(item) ?? '';
    const equals = text.indexOf('=');
    yield equals === -1 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
  }
}

/** What the env files say in one; a later file sees the variables of earlier ones. */
function inEnvFiles(service: Tree, lookup: Lookup, context: Context): ReadonlyMap<string, string> {
  const declaredFiles = at(service, 'env_file');
  const found = new Map<string, string>();
  for (const item of declaredFiles?.kind === 'scalar' ? [declaredFiles] : itemsOf(declaredFiles)) {
    const pathTree = item.kind === 'table' ? at(item, 'path') : item;
    const path = textOf(pathTree);
    if (path === undefined || !pathTree) continue;
    const open = path === '' ? 'missing' : context.sources.open(pathFrom(context.dir, path));
    if (open === 'missing' && flagOf(at(item, 'required')) !== false) {
      const hint = `touch ${path}, or write it as {path: ${path}, required: false}`;
      context.report(
        path === ''
          ? problemAt(pathTree.at, 'ENV_FILE_MISSING', 'env_file is empty', 'set the variable in it, or remove it')
          : problemAt(pathTree.at, 'ENV_FILE_MISSING', `env file ${path} is not there`, hint),
      );
    }
    if (!open || open === 'missing') continue;
    const formatTree = at(item, 'format');
    const format = textOf(formatTree);
    if (formatTree && format && format !== 'raw') {
      const message = `format "${format}" of env file ${path} is not known`;
      context.report(problemAt(formatTree.at, 'INVALID_VALUE', message, 'write format: raw, or leave it out'));
    }
    const read =
      format === 'raw' ? readRawEnv(open.file, lookup) : readDotEnv(open.file, lookup, (name) => found.get(name));
    for (const problem of read.problems) context.report(problem);
    for (const [name, value] of read.values) found.set(name, value);
  }
  return found;
}

/** Compose takes no project without its label files. Problems: FILE_MISSING and those of the files themselves. */
export function checkLabelFiles(service: Tree, context: Context): void {
  const declared = at(service, 'label_file');
  for (const item of declared?.kind === 'scalar' ? [declared] : itemsOf(declared)) {
    const path = textOf(item);
    if (path === undefined) continue;
    const open = path === '' ? 'missing' : context.sources.open(pathFrom(context.dir, path), item.at);
    if (open === 'missing')
      context.report(
        problemAt(item.at, 'FILE_MISSING', `label file ${JSON.stringify(path)} is not there`, 'correct the path'),
      );
    else if (open) for (const problem of readDotEnv(open.file, () => undefined).problems) context.report(problem);
  }
}
