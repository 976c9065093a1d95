import { join } from 'node:path';
import type { Start } from '../types.ts';
import { asObject, type Command, type Folder, isFile, ownText, parseObject, readIn } from './folder.ts';
import { argvOfLine } from './shell-line.ts';
import { withoutWatcher } from './watchers.ts';

/** A Cargo package with a program. */
export function recogniseRust(folder: Folder): Command | undefined {
  if (!folder.names.has('Cargo.toml')) return undefined;
  const text = readIn(folder, 'Cargo.toml') ?? '';
  const isProgram =
    /^\[package\]/m.test(text) && (isFile(join(folder.path, 'src', 'main.rs')) || /^\[\[bin\]\]/m.test(text));
  return isProgram
    ? {
        kind: 'command',
        argv: ['cargo', 'run', '--quiet'],
        cwd: folder.path,
        language: 'rust',
        why: 'Cargo.toml',
        path: [],
      }
    : undefined;
}

/** A deno.json with a dev or start task, or main.ts beside it. */
export function recogniseDeno(folder: Folder): Command | undefined {
  const file = ['deno.json', 'deno.jsonc'].find((name) => folder.names.has(name));
  if (!file) return undefined;
  const tasks = asObject(parseObject(withoutComments(readIn(folder, file) ?? ''))?.['tasks']);
  for (const task of ['dev', 'start']) {
    const line = ownText(tasks, task) ?? ownText(asObject(tasks?.[task]), 'command');
    if (line !== undefined) return deno(folder, withoutWatcher(argvOfLine(line)), `${file} tasks.${task}`);
  }
  const main = ['main.ts', 'main.js', 'server.ts', 'mod.ts'].find((name) => folder.names.has(name));
  return main === undefined ? undefined : deno(folder, ['deno', 'run', '--allow-all', main], `${file}, ${main}`);
}

function deno(folder: Folder, argv: readonly string[], why: string): Command {
  return { kind: 'command', argv, cwd: folder.path, language: 'deno', why, path: [] };
}

/** JSON with comments and trailing commas as plain JSON; what is in strings stays. */
function withoutComments(text: string): string {
  return text
    .replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string: string | undefined) => string ?? '')
    .replace(/("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])/g, (_, string: string | undefined) => string ?? '');
}

/** A page: index.html in the folder, or in one that builds usually write. */
export function recogniseStatic(folder: Folder): Start | undefined {
  if (folder.names.has('index.html')) return { kind: 'static', root: folder.path, why: 'index.html' };
  const inner = ['public', 'dist'].find(
    (name) => folder.names.has(name) && isFile(join(folder.path, name, 'index.html')),
  );
  return inner === undefined
    ? undefined
    : { kind: 'static', root: join(folder.path, inner), why: `${inner}/index.html` };
}
