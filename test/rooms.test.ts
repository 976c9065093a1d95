import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const src = resolve(import.meta.dirname, '..', 'src');

/** What a room may import: `room` for anything, `room:types` for types only. Itself is always allowed. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  kit: [],
  project: ['kit'],
  scaffold: ['kit', 'project'],
  plan: ['kit', 'project:types'],
  tools: ['kit'],
  runtime: ['kit', 'project:types', 'plan:types'],
  edge: ['kit', 'project:types', 'plan:types'],
  stopwatch: ['kit', 'project:types', 'plan:types'],
  report: ['kit', 'project:types', 'plan:types', 'stopwatch:types'],
  // the composition root: src/camp.ts, src/camp/ and the entries beside it
  commands: ['kit', 'report', 'root'],
  root: ['kit', 'project', 'scaffold', 'plan', 'tools', 'runtime', 'edge', 'stopwatch', 'report', 'commands'],
};

/** One door per dependency: the only files that may import it. */
const doors: Readonly<Record<string, RegExp>> = {
  yaml: /^project\/yaml\.ts$/,
  handlebars: /^scaffold\/render\.ts$/,
  diff: /^scaffold\/[a-z-]+\.ts$/,
  dockerode: /^runtime\/docker\/client\.ts$/,
  execa: /^kit\/spawn\.ts$/,
  '@clack/prompts': /^report\/tty\.ts$/,
  '@oclif/core': /^(commands\/.*|cli)\.ts$/,
};

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly isType: boolean;
}

const imports = sources().flatMap(importsOf);

test('a room imports only the rooms that the table of docs/architecture.md allows', () => {
  const wrong = imports.filter(({ file, specifier, isType }) => {
    if (!specifier.startsWith('.')) return false;
    const from = roomOf(file);
    const to = roomOf(relative(src, resolve(src, dirname(file), specifier)));
    const allowed = rooms[from];
    if (!allowed) return true;
    return !(from === to || allowed.includes(to) || (isType && allowed.includes(`${to}:types`)));
  });
  expect(wrong).toEqual([]);
});

test('a third-party library has one door', () => {
  const wrong = imports.filter(
    ({ file, specifier }) =>
      !specifier.startsWith('.') && !specifier.startsWith('node:') && !doors[packageOf(specifier)]?.test(file),
  );
  expect(wrong).toEqual([]);
  const usersOfDiff = new Set(imports.filter(({ specifier }) => specifier === 'diff').map(({ file }) => file));
  expect(usersOfDiff.size).toBeLessThanOrEqual(1);
});

test('adapters of the runtime do not import each other', () => {
  const adapter = (path: string): string | undefined => /^runtime\/(native|docker|swarm)\//.exec(path)?.[1];
  const wrong = imports.filter(({ file, specifier }) => {
    const from = adapter(file);
    const to = specifier.startsWith('.') ? adapter(relative(src, resolve(src, dirname(file), specifier))) : undefined;
    return from !== undefined && to !== undefined && from !== to;
  });
  expect(wrong).toEqual([]);
});

test('the reader of imports sees what it must see', () => {
  expect(imports.length).toBeGreaterThan(50);
  expect(importsIn("import type { A } from './a.ts';\nimport { type B, c } from '../kit/b.ts';")).toEqual([
    { specifier: './a.ts', isType: true },
    { specifier: '../kit/b.ts', isType: false },
  ]);
  expect(importsIn("export * from './a.ts';\nconst x = await import('yaml');")).toEqual([
    { specifier: './a.ts', isType: false },
    { specifier: 'yaml', isType: false },
  ]);
});

function sources(): readonly string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
}

function importsOf(file: string): readonly Import[] {
  return importsIn(readFileSync(join(src, file), 'utf8')).map((found) => ({ file, ...found }));
}

function importsIn(text: string): readonly Omit<Import, 'file'>[] {
  const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(statement)].map((match) => ({
    specifier: match[2] ?? match[3] ?? '',
    isType: match[1] !== undefined,
  }));
}

function roomOf(path: string): string {
  if (path === join('..', 'package.json')) return 'root';
  const [first = ''] = path.split('/');
  return path.includes('/') && first !== 'camp' ? first : 'root';
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
