import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadProject } from './load.ts';
import { suitesOf } from './suites.ts';

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'camp-suites-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

/** Each service with its folder `services/NAME`. */
function suites(names: readonly string[], only?: readonly string[], context = (name: string) => `services/${name}`) {
  const services = names.map((name) => `  ${name}: {build: ${context(name)}, x-camp: {run: "true"}}`);
  write({ 'compose.yaml': `name: shop\nservices:\n${services.join('\n')}\n` });
  const { project, problems } = loadProject(dir, { env: {} });
  if (!project) throw new Error(JSON.stringify(problems));
  const found = suitesOf(project, only, { PATH: '' });
  return {
    commands: found.suites.map(({ name, command }) => `${name}: ${command.argv.join(' ')}`),
    untested: found.untested,
  };
}

test('each language says how its tests are run', () => {
  write({
    'services/node/package.json': '{"scripts": {"test": "node --test"}}',
    'services/through/package.json': '{"scripts": {"test": "npm run unit", "unit": "node --test test/a.test.js"}}',
    'services/bare/package.json': '{}',
    'services/bare/test/deep/b.test.ts': '',
    'services/bare/test/a.test.mjs': '',
    'services/bare/test/node_modules/x/c.test.js': '',
    'services/page/index.html': '',
    'services/page/test/page.test.mjs': '',
    'services/go/go.mod': 'module x\n',
    'services/go/inner/x_test.go': '',
    'services/unit/main.py': '',
    'services/unit/tests/test_main.py': '',
    'services/pytest/pyproject.toml': '[project.optional-dependencies]\ntest = ["pytest"]\n',
    'services/pytest/tests/test_main.py': '',
    'services/rust/Cargo.toml': '[package]\n',
  });
  const names = ['node', 'through', 'bare', 'page', 'go', 'unit', 'pytest', 'rust'];
  expect(suites(names).commands).toEqual([
    'node: node --test',
    'through: node --test test/a.test.js',
    'bare: node --test test/a.test.mjs test/deep/b.test.ts',
    'page: node --test test/page.test.mjs',
    'go: go test ./...',
    'unit: python3 -m unittest',
    'pytest: python3 -m pytest',
    'rust: cargo test --quiet',
  ]);
});

test('what has no tests is named: no folder of them, or what npm init writes', () => {
  write({
    'services/a/package.json': '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}',
    'services/b/go.mod': 'module x\n',
    'services/c/main.py': '',
  });
  expect(suites(['a', 'b', 'c'])).toEqual({ commands: [], untested: ['a', 'b', 'c'] });
});

test('the system’s tests come last, and not where services were named', () => {
  write({ 'services/a/package.json': '{"scripts": {"test": "node --test"}}', 'test/order.test.ts': '' });
  expect(suites(['a']).commands).toEqual(['a: node --test', 'system: node --test test/order.test.ts']);
  expect(suites(['a'], ['a']).commands).toEqual(['a: node --test']);
  write({ 'package.json': '{"scripts": {"test": "npm test --workspaces", "test:system": "node --test system/"}}' });
  expect(suites(['a']).commands).toEqual(['a: node --test', 'system: node --test system/']);
});

test('services of one folder have one set of tests, and those of the project’s own folder are not the system’s too', () => {
  write({ 'package.json': '{"scripts": {"test": "node --test"}}', 'test/a.test.ts': '' });
  expect(suites(['web', 'worker'], undefined, () => '.')).toEqual({ commands: ['web: node --test'], untested: [] });
});
