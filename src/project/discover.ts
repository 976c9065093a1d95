import { basename, join, relative, sep } from 'node:path';
import { toDnsLabel } from './name.ts';
import { asObject, type Folder, isFolder, openFolder, ownText, parseObject, readIn } from './recognise/folder.ts';
import { workspacePatterns } from './recognise/node-install.ts';
import { type Process, readProcfile } from './recognise/procfile.ts';
import { commandOfLine, recogniseStart } from './recognise.ts';
import type { Start } from './types.ts';

/** Something that can be started, found in a folder without a compose file. */
export interface Found {
  /** A DNS label, different from all others. */
  readonly name: string;
  /** Relative to the folder that was searched, with `/`; `.` is that folder itself. */
  readonly folder: string;
  readonly start: Start;
  readonly hasDockerfile: boolean;
}

/** Where people keep the folders of several services. */
const homes = ['services', 'apps'];
const ignored = new Set([
  'node_modules',
  'vendor',
  'dist',
  'build',
  'target',
  'coverage',
  'test',
  'tests',
  'docs',
  'examples',
  'scripts',
  'public',
  'static',
  'src',
  'lib',
  'bin',
  'cmd',
  'tools',
  'packages',
  'templates',
  'venv',
]);
const mostFolders = 200;

/**
 * The services in a folder: the processes of a Procfile with several, else workspaces, services/*, apps/* and
 * packages/* with a start script, else the folder itself, else folders directly below it.
 */
export function discoverServices(dir: string, env: NodeJS.ProcessEnv = process.env): readonly Found[] {
  const root = openFolder(dir, env);
  if (!root) return [];
  const names = new Names();
  const processes = readProcfile(root);
  if (processes.length > 1) return fromProcfile(root, processes, names);
  const inner = memberFolders(root).flatMap((path) => found(dir, path, env, names));
  if (inner.length > 0) return inner;
  const own = recogniseStart(dir, { env });
  if (own)
    return [
      { name: names.unique(basename(dir)), folder: '.', start: own, hasDockerfile: root.names.has('Dockerfile') },
    ];
  return childrenOf(root, '.')
    .filter((path) => !ignored.has(basename(path)) && isCode(path, env))
    .flatMap((path) => found(dir, path, env, names));
}

function found(dir: string, path: string, env: NodeJS.ProcessEnv, names: Names): readonly Found[] {
  const start = recogniseStart(path, { env });
  if (!start) return [];
  const hasDockerfile = openFolder(path, env)?.names.has('Dockerfile') ?? false;
  return [
    { name: names.unique(basename(path)), folder: relative(dir, path).split(sep).join('/'), start, hasDockerfile },
  ];
}

function fromProcfile(root: Folder, processes: readonly Process[], names: Names): readonly Found[] {
  return processes.map(({ type, line }) => ({
    name: names.unique(type),
    folder: '.',
    start: commandOfLine(root, line, `Procfile ${type}`),
    hasDockerfile: root.names.has('Dockerfile'),
  }));
}

/** Folders that are services by their place; those of libraries only with a script that starts them. */
function memberFolders(root: Folder): readonly string[] {
  const members = new Set(homes.filter((home) => root.names.has(home)).flatMap((home) => childrenOf(root, home)));
  const patterns = [
    ...workspacePatterns(
      parseObject(root.names.has('package.json') ? readIn(root, 'package.json') : undefined)?.['workspaces'],
    ),
    ...pnpmPatterns(root),
  ];
  const others = [...patterns, ...(root.names.has('packages') ? ['packages/*'] : [])].flatMap((pattern) =>
    expand(root, pattern),
  );
  for (const path of others) if (isStartable(path, root.env)) members.add(path);
  return [...members].slice(0, mostFolders);
}

function pnpmPatterns(root: Folder): readonly string[] {
  if (!root.names.has('pnpm-workspace.yaml')) return [];
  return [...(readIn(root, 'pnpm-workspace.yaml') ?? '').matchAll(/^\s+-\s*['"]?([^'"!\s]+)['"]?\s*$/gm)].map(
    (each) => each[1] ?? '',
  );
}

/** Plain paths, and patterns that end in `*` or `**`. */
function expand(root: Folder, pattern: string): readonly string[] {
  const clean = pattern.replace(/^\.\//, '').replace(/\/$/, '');
  if (clean.startsWith('!') || clean.split('/').includes('..')) return [];
  const home = /^(?:(.*)\/)?\*\*?$/.exec(clean);
  if (home) return childrenOf(root, home[1] ?? '.');
  const path = join(root.path, clean);
  return isFolder(path) ? [path] : [];
}

function childrenOf(root: Folder, home: string): readonly string[] {
  const inner = home === '.' ? root : openFolder(join(root.path, home), root.env);
  const paths = [...(inner?.names ?? [])].filter((name) => !name.startsWith('.') && name !== 'node_modules').sort();
  return paths.map((name) => join(inner?.path ?? '', name)).filter(isFolder);
}

function isStartable(path: string, env: NodeJS.ProcessEnv): boolean {
  const folder = openFolder(path, env);
  const scripts = folder?.names.has('package.json')
    ? asObject(parseObject(readIn(folder, 'package.json'))?.['scripts'])
    : undefined;
  return ownText(scripts, 'dev') !== undefined || ownText(scripts, 'start') !== undefined;
}

/** A folder directly below the project counts only where a manifest says that it is a program. */
function isCode(path: string, env: NodeJS.ProcessEnv): boolean {
  const names = openFolder(path, env)?.names;
  return (
    isStartable(path, env) ||
    ['go.mod', 'pyproject.toml', 'requirements.txt', 'Cargo.toml', 'deno.json', 'Procfile', 'Dockerfile'].some((name) =>
      names?.has(name),
    )
  );
}

/** `edge` is the project's Caddy, `supervisor` camp's own process. */
const taken = ['edge', 'supervisor', 'localhost'];

/** Gives out DNS labels, each once. */
class Names {
  readonly #given = new Set<string>(taken);

  unique(text: string): string {
    const label = toDnsLabel(text, 'service');
    let name = label;
    for (let n = 2; this.#given.has(name); n++) name = `${label.slice(0, 60)}-${n}`;
    this.#given.add(name);
    return name;
  }
}
