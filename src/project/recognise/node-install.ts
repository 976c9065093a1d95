import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Install } from '../types.ts';
import {
  asObject,
  type Folder,
  isFile,
  isOnPath,
  openFolder,
  ownText,
  parseObject,
  readIn,
  upwards,
} from './folder.ts';

type Package = Readonly<Record<string, unknown>>;

/**
 * The install that a Node service needs before it starts: its dependencies are declared and one is missing.
 * Development dependencies count when the command needs one of them to run.
 */
export function nodeInstall(folder: Folder, manifest: Package, argv: readonly string[]): Install | undefined {
  const root = installRoot(folder);
  if (existsSync(join(root, '.pnp.cjs'))) return undefined;
  const dependencies = Object.keys(asObject(manifest['dependencies']) ?? {});
  const development = Object.keys(asObject(manifest['devDependencies']) ?? {});
  const needed = [...dependencies, ...(needsDevelopment(folder, argv, development) ? development : [])];
  const missing = needed.filter((name) => !isInstalled(folder, name));
  if (missing.length === 0) return undefined;
  const isBare = !existsSync(join(root, 'node_modules'));
  const shown =
    missing.length > 3 ? `${missing.slice(0, 3).join(', ')} and ${missing.length - 3} more` : missing.join(', ');
  const where = relative(folder.path, root) || '.';
  return {
    argv: installArgv(root, folder, isBare),
    cwd: root,
    why: isBare ? `node_modules is missing${where === '.' ? '' : ` in ${where}`}` : `not in node_modules: ${shown}`,
  };
}

/** Whether the command cannot run without a development dependency: its program, or a module that it names. */
function needsDevelopment(folder: Folder, argv: readonly string[], development: readonly string[]): boolean {
  if (development.length === 0) return false;
  const words = argv[0] === 'sh' ? (argv[2] ?? '').split(/[\s;&|]+/) : argv;
  if (words.some((word) => development.some((name) => word === name || word.startsWith(`${name}/`)))) return true;
  const program = argv[0] === 'env' ? argv.find((word, i) => i > 0 && !word.includes('=')) : argv[0];
  if (
    !program ||
    ['sh', 'node', 'npm', 'npx', 'pnpm', 'yarn', 'bun', 'deno'].includes(program) ||
    program.includes('/')
  )
    return false;
  return !isOnPath(program, folder.env);
}

function isInstalled(folder: Folder, name: string): boolean {
  return upwards(folder.path).some((each) => existsSync(join(each, 'node_modules', name)));
}

const lockfiles = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];

/** The workspace's root where a parent has one that names this folder's manager, else the folder itself. */
function installRoot(folder: Folder): string {
  if (lockfiles.some((name) => folder.names.has(name))) return folder.path;
  for (const parent of upwards(dirname(folder.path)).slice(0, 6)) {
    if (isFile(join(parent, 'pnpm-workspace.yaml'))) return parent;
    const manifest = isFile(join(parent, 'package.json')) ? openManifest(parent, folder.env) : undefined;
    if (manifest?.['workspaces'] && isMember(manifest['workspaces'], relative(parent, folder.path))) return parent;
    if (isFile(join(parent, '.git', 'HEAD'))) break;
  }
  return folder.path;
}

function openManifest(path: string, env: NodeJS.ProcessEnv): Package | undefined {
  const folder = openFolder(path, env);
  return folder && parseObject(readIn(folder, 'package.json'));
}

/** Workspace patterns are plain paths, `folder/*` or `folder/**`. */
function isMember(workspaces: unknown, path: string): boolean {
  return workspacePatterns(workspaces).some((pattern) => {
    const clean = pattern.replace(/^\.\//, '').replace(/\/$/, '');
    if (clean.endsWith('/**')) return path.startsWith(clean.slice(0, -2));
    if (clean.endsWith('/*')) return dirname(path) === clean.slice(0, -2);
    return clean === path || (clean === '*' && !path.includes('/'));
  });
}

export function workspacePatterns(workspaces: unknown): readonly string[] {
  const list: unknown = Array.isArray(workspaces) ? workspaces : asObject(workspaces)?.['packages'];
  return Array.isArray(list) ? list.filter((each): each is string => typeof each === 'string') : [];
}

/** By lockfile, then by `packageManager`, else npm; nothing is saved, asked or reported to anybody. */
function installArgv(root: string, folder: Folder, isBare: boolean): readonly string[] {
  const rootFolder = openFolder(root, folder.env);
  const names = rootFolder?.names ?? new Set<string>();
  const declared = (rootFolder && ownText(parseObject(readIn(rootFolder, 'package.json')), 'packageManager')) ?? '';
  if (names.has('pnpm-lock.yaml') || names.has('pnpm-workspace.yaml') || declared.startsWith('pnpm'))
    return manager('pnpm', folder, ['install']);
  if (names.has('yarn.lock') || declared.startsWith('yarn')) return manager('yarn', folder, ['install']);
  if (names.has('bun.lock') || names.has('bun.lockb') || declared.startsWith('bun')) return ['bun', 'install'];
  // `npm ci` begins by deleting node_modules, so only where there is none
  const isLocked = names.has('package-lock.json') || names.has('npm-shrinkwrap.json');
  return ['npm', isLocked && isBare ? 'ci' : 'install', '--no-audit', '--no-fund'];
}

/** pnpm and yarn come with Node's corepack where they are not installed themselves. */
function manager(name: string, folder: Folder, args: readonly string[]): readonly string[] {
  return !isOnPath(name, folder.env) && isOnPath('corepack', folder.env)
    ? ['corepack', name, ...args]
    : [name, ...args];
}
