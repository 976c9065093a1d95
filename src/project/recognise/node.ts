import { join } from 'node:path';
import { splitWords } from '../words.ts';
import {
  asObject,
  type Command,
  type Folder,
  isFile,
  isFolder,
  ownText,
  parseObject,
  readIn,
  upwards,
} from './folder.ts';
import { nodeInstall } from './node-install.ts';
import { argvOfLine, needsShell } from './shell-line.ts';
import { withoutWatcher } from './watchers.ts';

type Package = Readonly<Record<string, unknown>>;

/** A package.json with a dev or start script, a main, or an entry file by its usual name. */
export function recogniseNode(folder: Folder): Command | undefined {
  if (!folder.names.has('package.json')) return bareEntry(folder);
  const manifest = parseObject(readIn(folder, 'package.json'));
  if (!manifest) return undefined;
  const scripts = asObject(manifest['scripts']);
  for (const script of ['dev', 'start']) {
    const line = ownText(scripts, script);
    if (line !== undefined)
      return nodeCommand(folder, manifest, scriptArgv(scripts, script, line, 0), `package.json scripts.${script}`);
  }
  const entry = mainOf(folder, manifest);
  return entry && nodeCommand(folder, manifest, ['node', entry.file], entry.why);
}

/** What a script of package.json runs in the end, as the program itself; undefined where there is no such script. */
export function nodeScript(folder: Folder, script: string): Command | undefined {
  const manifest = parseObject(readIn(folder, 'package.json'));
  const scripts = asObject(manifest?.['scripts']);
  const line = ownText(scripts, script);
  if (!manifest || line === undefined) return undefined;
  return nodeCommand(folder, manifest, scriptArgv(scripts, script, line, 0), `package.json scripts.${script}`);
}

/** A command in a Node folder: found in node_modules/.bin first, with what must be installed before. */
export function nodeCommand(
  folder: Folder,
  manifest: Package | undefined,
  argv: readonly string[],
  why: string,
): Command {
  const install = manifest && nodeInstall(folder, manifest, argv);
  const language = argv[0] === 'deno' ? 'deno' : 'node';
  return {
    kind: 'command',
    argv,
    cwd: folder.path,
    language,
    why,
    ...(install ? { install } : {}),
    path: binFolders(folder, install?.cwd),
  };
}

/** Existing node_modules/.bin folders, the nearest first, and the one that an install will make. */
function binFolders(folder: Folder, installed: string | undefined): readonly string[] {
  return upwards(folder.path)
    .filter((each) => each === installed || isFolder(join(each, 'node_modules', '.bin')))
    .map((each) => join(each, 'node_modules', '.bin'));
}

/** Package managers only find a script and wait for it: the script itself is started (PITFALLS: they lose signals). */
function scriptArgv(scripts: Package | undefined, name: string, line: string, depth: number): readonly string[] {
  const before = ownText(scripts, `pre${name}`);
  const own = resolveLine(scripts, line, depth);
  if (before === undefined) return own;
  return argvOfLine(`${before} && ${own[0] === 'sh' ? line : own.map(quoted).join(' ')}`);
}

const runners = /^(?:(?:npm|pnpm|bun) (?:run|run-script) |yarn (?:run )?|pnpm )([\w:.-]+)(?: --)?((?: .*)?)$/;
const startRunner = /^(?:npm|pnpm|yarn|bun) (start|test)()$/;

function resolveLine(scripts: Package | undefined, line: string, depth: number): readonly string[] {
  const text = line.trim();
  const found = needsShell(text) ? undefined : (runners.exec(text) ?? startRunner.exec(text));
  const inner = found?.[1] === undefined ? undefined : ownText(scripts, found[1]);
  if (inner !== undefined && depth < 5)
    return scriptArgv(scripts, found?.[1] ?? '', `${inner}${found?.[2] ?? ''}`, depth + 1);
  const argv = argvOfLine(text);
  return argv[0] === 'sh' && argv[1] === '-c' ? plainEnvironment(text, argv) : withoutWatcher(argv);
}

/** `A=b node --watch x`: the watcher goes here too. */
function plainEnvironment(text: string, argv: readonly string[]): readonly string[] {
  if (needsShell(text)) return argv;
  const words = splitWords(text) ?? [];
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  if (first < 1) return argv;
  const rest = words.slice(first);
  const inner = withoutWatcher(rest);
  if (inner.length === rest.length) return argv;
  return ['sh', '-c', `${words.slice(0, first).map(quotedAssignment).join(' ')} exec ${inner.map(quoted).join(' ')}`];
}

function quotedAssignment(word: string): string {
  const equals = word.indexOf('=');
  return `${word.slice(0, equals)}=${quoted(word.slice(equals + 1))}`;
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const extensions = ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts'];
const entries = ['server', 'src/main', 'src/index', 'src/server'];

function mainOf(folder: Folder, manifest: Package): { readonly file: string; readonly why: string } | undefined {
  const main = ownText(manifest, 'main');
  if (main && /\.[cm]?[jt]s$/.test(main) && isFile(join(folder.path, main)))
    return { file: main.replace(/^\.\//, ''), why: 'package.json main' };
  if (main && isFile(join(folder.path, `${main}.js`)))
    return { file: `${main.replace(/^\.\//, '')}.js`, why: 'package.json main' };
  const file = firstEntry(folder, ['index', ...entries]);
  return file === undefined ? undefined : { file, why: file };
}

/** Without a package.json only a name that says what it is: index.js beside an index.html belongs to the page. */
function bareEntry(folder: Folder): Command | undefined {
  const names =
    folder.names.has('index.html') || folder.names.has('deno.json')
      ? ['server']
      : ['server', 'main', 'index', 'src/main', 'src/server'];
  const file = firstEntry(folder, names);
  return file === undefined ? undefined : nodeCommand(folder, undefined, ['node', file], file);
}

function firstEntry(folder: Folder, names: readonly string[]): string | undefined {
  const inSrc = folder.names.has('src');
  for (const name of names) {
    if (name.startsWith('src/') && !inSrc) continue;
    for (const extension of extensions) {
      const file = `${name}.${extension}`;
      if (name.startsWith('src/') ? isFile(join(folder.path, file)) : folder.names.has(file)) return file;
    }
  }
  return undefined;
}
