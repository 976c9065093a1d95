import { relative, resolve } from 'node:path';
import { isProblem, problemAt, readTextFile } from '../text-file.ts';
import { at, entriesOf, itemsOf, type Tree } from '../tree.ts';
import type { Context } from './context.ts';
import { type DotEnv, readDotEnv, readRawEnv } from './dotenv.ts';
import { flagOf, textOf } from './scalars.ts';

/**
 * A service's whole declared environment: its env files in their order, then `environment`, which wins
 * (compose-spec, 05-services). A name without a value takes it from the caller, or is left out.
 * Problems: ENV_FILE_MISSING and those of the files themselves.
 */
export function environmentOf(service: Tree, context: Context): Readonly<Record<string, string>> {
  // no prototype: a variable may be called __proto__
  const env = Object.create(null) as Record<string, string>;
  for (const file of envFilesOf(service, context)) for (const [name, value] of file.values) env[name] = value;
  for (const [name, value] of declared(at(service, 'environment'))) {
    const resolved = value ?? context.lookup(name);
    if (resolved !== undefined) env[name] = resolved;
    else delete env[name];
  }
  return env;
}

function* declared(environment: Tree | undefined): Generator<readonly [string, string | undefined]> {
  for (const [name, { value }] of entriesOf(environment)) yield [name, textOf(value)];
  for (const item of itemsOf(environment)) {
    const text = textOf(item) ?? '';
    const equals = text.indexOf('=');
    yield equals === -1 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
  }
}

function envFilesOf(service: Tree, context: Context): readonly DotEnv[] {
  const declaredFiles = at(service, 'env_file');
  const items = declaredFiles?.kind === 'scalar' ? [declaredFiles] : itemsOf(declaredFiles);
  return items.flatMap((item) => {
    const pathTree = item.kind === 'table' ? at(item, 'path') : item;
    const path = textOf(pathTree);
    if (!path || !pathTree) return [];
    const read = readEnvFile(resolve(context.dir, path), textOf(at(item, 'format')) === 'raw', context);
    if (!read && flagOf(at(item, 'required')) !== false)
      context.report(
        problemAt(
          pathTree.at,
          'ENV_FILE_MISSING',
          `env file ${path} is not there`,
          `touch ${path}, or write it as {path: ${path}, required: false}`,
        ),
      );
    return read ? [read] : [];
  });
}

/** Each file is read once, however many services name it. */
function readEnvFile(path: string, isRaw: boolean, context: Context): DotEnv | undefined {
  const key = `${isRaw ? 'raw' : 'env'}:${path}`;
  if (context.envFiles.has(key)) return context.envFiles.get(key);
  const file = readTextFile(path, relative(context.dir, path) || path);
  let read: DotEnv | undefined;
  if (file && isProblem(file)) {
    context.report(file);
    read = { values: new Map(), places: new Map(), problems: [] };
  } else if (file) read = isRaw ? readRawEnv(file, context.lookup) : readDotEnv(file, context.lookup);
  for (const problem of read?.problems ?? []) context.report(problem);
  context.envFiles.set(key, read);
  return read;
}
