/**
 * Reads the imports and the SQL of every module and says where one reaches into another. Node's `exports` already
 * refuse a deep import of a package; this finds what they cannot see: relative ways out, undeclared dependencies and
 * tables of somebody else. No dependencies: it reads text, and where it cannot be sure it complains.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

export interface Violation {
  /** From the project's folder. */
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

interface Module {
  readonly name: string;
  readonly dir: string;
  /** What its package.json says: its own name and those that it depends on. */
  readonly packageName: string;
  readonly dependencies: readonly string[];
  /** What its migrations create. */
  readonly tables: readonly string[];
}

interface Found {
  readonly text: string;
  readonly index: number;
}

/** Every violation below `modules/` and `services/` of a project's folder, in the order of the files. */
export function violations(root: string): readonly Violation[] {
  const modules = foldersIn(join(root, 'modules')).map((dir) => readModule(dir));
  const services = foldersIn(join(root, 'services'));
  return [
    ...modules.flatMap((module) => sources(module.dir).flatMap((file) => ofModule(root, modules, module, file))),
    ...services.flatMap((dir) => sources(dir).flatMap((file) => ofService(root, modules, dir, file))),
  ];
}

function readModule(dir: string): Module {
  const { name, dependencies = {} } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const created = sources(join(dir, 'migrations')).flatMap((file) =>
    [...withoutComments(readFileSync(file, 'utf8'), file).matchAll(/\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?"?(\w+)/gi)].map(([, table]) => (table ?? '').toLowerCase()),
  );
  return { name: dir.split(sep).at(-1) ?? '', dir, packageName: name, dependencies: Object.keys(dependencies), tables: created };
}

function ofModule(root: string, modules: readonly Module[], own: Module, file: string): readonly Violation[] {
  const text = withoutComments(readFileSync(file, 'utf8'), file);
  const say = ({ index }: Found, what: string): Violation => ({ file: relative(root, file), line: lineOf(text, index), what });
  const wrong = imports(file, text).flatMap((found) => {
    const what = wrongImport(modules, own, file, found.text);
    return what ? [say(found, what)] : [];
  });
  const foreign = modules
    .filter((other) => other !== own)
    .flatMap((other) => namedTables(other).flatMap((table) => words(text, table).map((found) => say(found, `${own.name} names ${table}, a table of ${other.name}: ask its contract or listen to its events`))));
  const stray = /\.sql$/.test(file)
    ? own.tables
        .filter((table) => !table.startsWith(`${own.name}_`))
        .flatMap((table) => words(text, table).slice(0, 1).map((found) => say(found, `the tables of ${own.name} begin with ${own.name}_, ${table} does not`)))
    : [];
  return [...wrong, ...foreign, ...stray];
}

/** The tables that can be told from other words: those that have their module in their name. The others are a violation of their own. */
const namedTables = (module: Module): readonly string[] => module.tables.filter((table) => table.startsWith(`${module.name}_`));

/** A service puts modules together: it may import what they export, and nothing by path. */
function ofService(root: string, modules: readonly Module[], dir: string, file: string): readonly Violation[] {
  const text = withoutComments(readFileSync(file, 'utf8'), file);
  const tables = modules.flatMap((module) => namedTables(module).flatMap((table) => words(text, table).map((found) => ({ ...found, what: `a service names ${table}, a table of ${module.name}` }))));
  const ways = imports(file, text).flatMap((found) => {
    const what = isPath(found.text) ? (isInside(dir, file, found.text) ? '' : `leaves its service by ${found.text}`) : insideOf(modules, found.text, ['', '/contract']);
    return what ? [{ ...found, what }] : [];
  });
  return [...ways, ...tables].map(({ index, what }) => ({ file: relative(root, file), line: lineOf(text, index), what }));
}

function wrongImport(modules: readonly Module[], own: Module, file: string, target: string): string | undefined {
  if (target === '') return 'imports something that is only known at run time: write the name down';
  const isContract = relative(own.dir, file) === join('src', 'contract.ts');
  if (isPath(target)) {
    if (!isInside(own.dir, file, target)) return `${own.name} leaves its module by ${target}`;
    return isContract ? `the contract of ${own.name} imports ${target}: a contract has no inside` : undefined;
  }
  const other = modules.find(({ packageName }) => target === packageName || target.startsWith(`${packageName}/`));
  if (!other || other === own) return undefined;
  if (!own.dependencies.includes(other.packageName)) return `${own.name} imports ${target}, but its package.json does not name ${other.packageName}`;
  return insideOf(modules, target, ['/contract']);
}

/** Why a package's name is no way into a module, where only these ends of it are. */
function insideOf(modules: readonly Module[], target: string, open: readonly string[]): string | undefined {
  const other = modules.find(({ packageName }) => target === packageName || target.startsWith(`${packageName}/`));
  if (!other || open.some((end) => target === other.packageName + end)) return undefined;
  return `${target} is the inside of ${other.name}: only ${other.packageName}/contract is for others`;
}

const isPath = (target: string): boolean => /^(\.{0,2}\/|file:|[A-Za-z]:)/.test(target) || target === '.' || target === '..';

function isInside(dir: string, file: string, target: string): boolean {
  if (!target.startsWith('.')) return false;
  const to = resolve(dirname(file), target);
  return to === dir || to.startsWith(dir + sep);
}

const way = /\b(?:from|import|require|resolve)\s*\(?\s*(['"])([^'"\n]*)\1|\bnew\s+URL\s*\(\s*(['"])(\.[^'"\n]*)\3/g;
const unknown = /\b(?:import|require)\s*\(\s*(?!['"\s])/g;

/** What a file imports, however it says so; an empty text for what only the run time knows. */
function imports(file: string, text: string): readonly Found[] {
  if (!/\.[cm]?[jt]sx?$/.test(file)) return [];
  const known = [...text.matchAll(way)].map((match) => ({ text: match[2] ?? match[4] ?? '', index: match.index }));
  return [...known, ...[...text.matchAll(unknown)].map(({ index }) => ({ text: '', index }))];
}

/** Where a name stands by itself: in a query, in a string that becomes one, in a migration. */
function words(text: string, name: string): readonly Found[] {
  return [...text.matchAll(new RegExp(`\\b${name}\\b`, 'gi'))].map(({ index }) => ({ text: name, index }));
}

/** Comments as blanks of the same length, so that lines and columns stay; strings are kept. */
function withoutComments(text: string, file: string): string {
  const tokens = /\.sql$/.test(file)
    ? /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:''|[^'])*'/g
    : /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return text.replace(tokens, (token) => (/^(--|\/[/*])/.test(token) ? token.replace(/[^\n]/g, ' ') : token));
}

const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length;

function foldersIn(dir: string): readonly string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(dir, entry.name, 'package.json')))
    .map((entry) => join(dir, entry.name))
    .sort();
}

/** The files of a folder that are read: code and SQL, tests too. */
function sources(dir: string): readonly string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.([cm]?[jt]sx?|sql)$/.test(path) && !path.split(sep).includes('node_modules'))
    .map((path) => join(dir, path))
    .sort();
}
