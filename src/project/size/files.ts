import { readdirSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { textOf } from '../compose/scalars.ts';
import { at, entriesOf, itemsOf, type Tree } from '../tree.ts';
import type { Project, Service } from '../types.ts';
import { importsOf } from './caddy-imports.ts';
import { dockerfileStatements } from './dockerfile-rows.ts';
import { isConfiguration, isConfigurationName, isConfigurationTarget, kindOf, kindOfText } from './kinds.ts';
import type { TextKind } from './types.ts';

/** A file that says how the project is put together. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  /** Relative to the project's folder. */
  readonly name: string;
  readonly kind: TextKind;
  readonly text: string;
  /** Services that alone it is there for; empty where it is the project's. */
  readonly services: readonly string[];
}

/** Bytes; nobody writes so much, and reading it would hold up everything. */
const largest = 16_000_000;
/** Of one mounted folder. */
const mostFiles = 500;

interface Found {
  readonly path: string;
  readonly kind: TextKind;
  readonly text: string;
  /** Undefined where the project itself has it. */
  readonly services: Set<string> | undefined;
}

type Add = (path: string, kind: TextKind, service?: string) => void;

/** The compose files, also included and extended ones, and the Caddyfile with what it imports. */
export function plainFiles(project: Project): readonly SourceFile[] {
  return collect(project, (add) => addPlain(project, add));
}

/**
 * Every file of configuration, wherever lines of it may have been moved: beside the plain ones env files and label files,
 * Dockerfiles with their .dockerignore, what is mounted or copied into a container as its configuration, Procfiles.
 */
export function configurationFiles(project: Project): readonly SourceFile[] {
  return collect(project, (add) => {
    addPlain(project, add);
    addNamed(project, add);
    for (const service of project.services.values()) addOfService(service, add);
    if ([...project.services.values()].some(({ start }) => start?.why.startsWith('Procfile')))
      add(join(project.dir, 'Procfile'), 'other');
  });
}

function collect({ dir }: Project, fill: (add: Add) => void): readonly SourceFile[] {
  const found = new Map<string, Found>();
  fill((path, kind, service) => {
    const known = found.get(realPath(path));
    if (known) {
      if (service !== undefined) known.services?.add(service);
      return;
    }
    const text = textIn(path);
    if (text !== undefined)
      found.set(realPath(path), { path, kind, text, services: service === undefined ? undefined : new Set([service]) });
  });
  return [...found.values()].map(({ path, kind, text, services }) => ({
    path,
    name: relative(dir, path) || basename(path),
    kind: kindOfText(kind, path, text),
    text,
    services: [...(services ?? [])],
  }));
}

function addPlain({ compose, caddyfile, edgeEnv }: Project, add: Add): void {
  for (const path of compose?.files ?? []) add(path, 'compose');
  for (const path of compose?.read ?? [])
    if (/\.(?:ya?ml|json)$/i.test(path) && !compose?.envFiles.includes(path)) add(path, 'compose');
  if (caddyfile.path === undefined) return;
  const seen = new Set<string>();
  const queue = [caddyfile.path];
  for (let path = queue.shift(); path !== undefined && seen.size < 1000; path = queue.shift()) {
    if (seen.has(path)) continue;
    seen.add(path);
    add(path, 'caddyfile');
    const text = textIn(path);
    if (text !== undefined) queue.push(...importsOf(path, text, edgeEnv));
  }
}

/** What the compose files and Compose's own rules name beside compose files. */
function addNamed({ dir, compose, caddyfile }: Project, add: Add): void {
  for (const path of compose?.read ?? []) if (basename(path) === '.env') add(path, 'env');
  if (!compose) add(join(dir, '.env'), 'env');
  // of builds that take the whole project as a context
  if (compose) add(join(dir, '.dockerignore'), 'other');
  for (const [, { value }] of entriesOf(at(compose?.tree, 'configs'))) {
    const file = textOf(at(value, 'file'));
    if (file && compose && isConfiguration(file, '')) add(resolve(compose.dir, file), kindOf(file));
  }
  for (const [name, { value }] of entriesOf(at(compose?.tree, 'services')))
    for (const file of [...pathsOf(at(value, 'env_file')), ...pathsOf(at(value, 'label_file'))])
      if (compose) add(resolve(compose.dir, file), 'env', name);
  // env files that were asked for, and those of included projects
  for (const path of compose?.read ?? [])
    if (path !== caddyfile.path && basename(path) !== 'Caddyfile') add(path, 'env');
}

/** `env_file: x`, a list of such, or of `path: x`. */
function pathsOf(tree: Tree | undefined): readonly string[] {
  const items = tree?.kind === 'list' ? itemsOf(tree) : tree ? [tree] : [];
  return items.flatMap((item) => textOf(item.kind === 'table' ? at(item, 'path') : item) || []);
}

function addOfService({ name, build, hints, start }: Service, add: Add): void {
  for (const { source, target } of hints?.mounts ?? []) addGiven(source, target, add, name);
  const folder = build?.context ?? (start?.kind === 'command' ? start.cwd : start?.root);
  if (folder === undefined || !folder.startsWith('/')) return;
  for (const file of namesIn(folder)) if (isConfigurationName(file)) add(join(folder, file), kindOf(file), name);
  if (!build?.hasDockerfile) return;
  const path = resolve(folder, build.dockerfile ?? 'Dockerfile');
  const text = hints?.dockerfile ?? textIn(path);
  if (hints?.dockerfile === undefined) add(path, 'dockerfile', name);
  const ignored = [`${path}.dockerignore`, join(folder, '.dockerignore')].find((each) => textIn(each) !== undefined);
  if (ignored) add(ignored, 'other', name);
  for (const { source, target } of copiedBy(text ?? '')) addGiven(join(folder, source), target, add, name, true);
}

/** A file or folder that a container gets. */
function addGiven(source: string, target: string, add: Add, service: string, isCopied = false): void {
  const stat = statOf(source);
  if (stat?.isFile()) {
    const isWanted = isCopied ? isConfigurationTarget(target) : true;
    if (isWanted && isConfiguration(source, target)) add(source, kindOf(source, target), service);
  } else if (stat?.isDirectory() && isConfigurationTarget(target))
    for (const file of filesBelow(source)) if (isConfiguration(file, target)) add(file, kindOf(file, target), service);
}

/** What COPY and ADD take out of the build's own folder. */
function copiedBy(dockerfile: string): readonly { readonly source: string; readonly target: string }[] {
  return dockerfileStatements(dockerfile).flatMap(({ word, rest }) => {
    if ((word !== 'COPY' && word !== 'ADD') || /--from=/.test(rest)) return [];
    const words = rest
      .replace(/[[\]",]/g, ' ')
      .trim()
      .split(/\s+/)
      .filter((each) => !each.startsWith('--'));
    const target = words.at(-1) ?? '';
    return words.slice(0, -1).map((source) => ({ source, target }));
  });
}

function filesBelow(folder: string): readonly string[] {
  const files: string[] = [];
  const folders = [folder];
  for (let next = folders.shift(); next !== undefined && files.length < mostFiles; next = folders.shift())
    for (const name of namesIn(next)) {
      if (name === 'node_modules' || name === '.git') continue;
      const path = join(next, name);
      const stat = statOf(path);
      if (stat?.isFile()) files.push(path);
      else if (stat?.isDirectory() && path.split('/').length < folder.split('/').length + 5) folders.push(path);
    }
  return files.slice(0, mostFiles);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // no folder, or none that may be read
  }
}

/** Undefined where there is no such file, none that may be read, or none of text. */
function textIn(path: string): string | undefined {
  try {
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > largest) return undefined;
    const text = readFileSync(path, 'utf8');
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Of the folder, so that a file and a link to its folder are one. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return join(dirname(path), basename(path));
  }
}
