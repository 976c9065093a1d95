import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { countConfig } from '../../src/project/count.ts';
import { discoverServices } from '../../src/project/discover.ts';
import { loadProject } from '../../src/project/load.ts';
import { measureConfiguration } from '../../src/project/size/measure.ts';
import { linesOfText, type TextKind } from '../../src/project/size/size-of-text.ts';
import type { ConfigurationReport, Project } from '../../src/project/types.ts';
import { addBacking } from '../../src/scaffold/add-backing.ts';
import { addService } from '../../src/scaffold/add-service.ts';
import { applyChanges } from '../../src/scaffold/apply.ts';
import { backingKinds } from '../../src/scaffold/backing.ts';
import { initProject } from '../../src/scaffold/init-project.ts';
import { templateNames } from '../../src/scaffold/templates.ts';

/**
 * A counter that knows nothing of camp, over the file as it lies on the disk: lines that are neither blank nor a
 * comment, and once more for each hundred characters that a line goes beyond the first.
 */
function plainCount(path: string): number {
  const script = `grep -vE '^\\s*(#|$)' "$1" | sed 's/[[:space:]]*$//' | awk '{ n += int((length($0) + 99) / 100) } END { print n + 0 }'`;
  const { stdout, status, stderr } = spawnSync('sh', ['-c', script, 'sh', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

const root = realpathSync(mkdtempSync(join(tmpdir(), 'camp-size-')));
afterAll(() => rmSync(root, { recursive: true, force: true }));
/** Without those that only add to another. */
const wholeTemplates = templateNames('service').filter((name) =>
  readdirSync(join(import.meta.dirname, '..', '..', 'templates', 'service', name)).some((file) =>
    file.startsWith('Dockerfile'),
  ),
);
const corpus = join(import.meta.dirname, '..', 'corpus', 'compose');

test('there are templates', () => expect(wholeTemplates.length).toBeGreaterThanOrEqual(5));

describe('everything that camp generates counts as a plain counter says', () => {
  test.each(templateNames('starter'))('the starter %s', async (starter) => {
    const dir = join(root, starter);
    await write(dir, () => initProject({ dir, starter, discover: () => [] }));
    agrees(dir);
  });

  test.each(backingKinds)('with %s added, and a service that uses it', async (kind) => {
    const dir = join(root, `with-${kind}`);
    await write(dir, () => initProject({ dir, starter: 'hello', discover: () => [] }));
    await write(dir, () => addService({ dir, name: 'orders', needs: ['api'] }));
    await write(dir, () => addBacking({ dir, kind, users: ['orders'] }));
    expect(agrees(dir).handWritten.lines).toBe(0);
  });

  test.each(wholeTemplates.flatMap((template) => ['empty', 'shop'].map((starter) => ({ template, starter }))))(
    'a service out of the template $template, in $starter',
    async ({ template, starter }) => {
      const dir = join(root, `${starter}-${template}`);
      await write(dir, () => initProject({ dir, starter, discover: () => [] }));
      await write(dir, () => addService({ dir, name: 'more', template }));
      expect(agrees(dir).files.map(({ path }) => path)).toContain('services/more/Dockerfile');
    },
  );

  test('code that it adopts, in every language', async () => {
    const dir = join(root, 'adopted');
    const files = {
      'npm/package.json': '{"name": "npm", "scripts": {"start": "node x.js"}}',
      'npm/package-lock.json': '{}',
      'npm/x.js': '',
      'pnpm/package.json': '{"name": "pnpm", "scripts": {"start": "node x.js"}}',
      'pnpm/pnpm-lock.yaml': '',
      'pnpm/x.js': '',
      'py/main.py': 'from flask import Flask\napp = Flask(__name__)\n',
      'py/requirements.txt': 'flask\n',
      'go/go.mod': 'module x\n',
      'go/main.go': 'package main\n',
      'rust/Cargo.toml': '[package]\nname = "rust"\n',
      'rust/src/main.rs': '',
      'deno/deno.json': '{"tasks": {"start": "deno run x.ts"}}',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    await write(dir, () => initProject({ dir, discover: () => discoverServices(dir) }));
    const text = readFileSync(join(dir, 'compose.yaml'), 'utf8');
    for (const word of ['npm ci', 'pnpm install', 'pip install', 'go build', 'cargo install', 'deno install'])
      expect(text).toContain(word);
    agrees(dir);
  });
});

describe('files that people wrote', () => {
  const all = readdirSync(corpus, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(corpus, name);
    const kind = kindOf(name);
    return kind ? [{ name, path, kind, text: readFileSync(path, 'utf8') }] : [];
  });
  // what is folded or joined in them counts more, which a plain counter does not see
  const plain = all.filter(({ kind, text }) => !folded[kind].test(text.replace(/^\s*#.*$/gm, '')));

  test('most of them are plain', () => {
    expect(plain.length).toBeGreaterThanOrEqual(60);
    expect(new Set(plain.map(({ kind }) => kind)).size).toBe(4);
  });

  test.each(plain)('$name counts as a plain counter says', ({ path, kind, text }) => {
    expect(linesOfText(kind, text).lines).toBe(plainCount(path));
  });

  test.each(all.filter((each) => !plain.includes(each)))('$name counts no less', ({ path, kind, text }) => {
    expect(linesOfText(kind, text).lines).toBeGreaterThanOrEqual(plainCount(path));
  });
});

type Kind = Extract<TextKind, 'compose' | 'caddyfile' | 'dockerfile' | 'env'>;

/** Maps in braces, pairs in brackets, several statements in a line, letters that awk takes for several. */
const folded: Readonly<Record<Kind, RegExp>> = {
  compose: /(?<!\$|\{)\{|[^\x00-\x7f]|[;]|&&|\\n|\[[^\]]*\w=[^\]]*,/,
  caddyfile: /;|[^\x00-\x7f]/,
  dockerfile: /;|&&|[^\x00-\x7f]|^(?:ENV|LABEL|ARG|EXPOSE|VOLUME)\s+\S+\s+\S/m,
  env: /;|&&|[^\x00-\x7f]|\\n/,
};

function kindOf(name: string): Kind | undefined {
  if (/(?:^|\/)(?:docker-)?compose[\w.-]*\.ya?ml$/.test(name)) return 'compose';
  if (/(?:^|\/)Caddyfile$/.test(name)) return 'caddyfile';
  if (/(?:^|\/)Dockerfile[\w.-]*$/.test(name)) return 'dockerfile';
  return /\.env$/.test(name) ? 'env' : undefined;
}

async function write(dir: string, changes: Parameters<typeof applyChanges>[1]): Promise<void> {
  await applyChanges(dir, changes, { purpose: 'a test' });
}

/** Each file by itself and all of them together, as measured and as `up` says them. */
function agrees(dir: string): ConfigurationReport {
  const project = read(dir);
  const report = measureConfiguration(project);
  const counted = Object.fromEntries(report.files.map(({ path, lines }) => [path, lines]));
  expect(counted).toEqual(Object.fromEntries(report.files.map(({ path }) => [path, plainCount(join(dir, path))])));
  expect(report.files.length).toBeGreaterThanOrEqual(2);
  expect(report.total.lines).toBe(Object.values(counted).reduce((sum, lines) => sum + lines, 0));
  for (const { path, lines } of countConfig(project).files) expect(lines, path).toBe(counted[path]);
  return report;
}

function read(dir: string): Project {
  const { project, problems } = loadProject(dir, { env: { PATH: process.env['PATH'] } });
  if (!project) throw new Error(JSON.stringify(problems));
  return project;
}
