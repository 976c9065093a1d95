import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, type Folder, isFile, isFolder, openFolder, readIn } from './folder.ts';
import { goCommand } from './go.ts';
import { nodeCommand, nodeScript } from './node.ts';
import { pythonCommand } from './python.ts';

/** How the tests of a folder are run: what package.json, go.mod, Python files or Cargo.toml say; undefined where there are none. */
export function recogniseTests(path: string, env: NodeJS.ProcessEnv): Command | undefined {
  const folder = openFolder(path, env);
  if (!folder) return undefined;
  return (
    scriptIn(folder, 'test') ??
    goTests(folder) ??
    pythonTests(folder) ??
    rustTests(folder) ??
    (folder.names.has('package.json') || folder.names.has('test') ? nodeTests(folder) : undefined)
  );
}

/** The tests of the whole system: `scripts.test:system` of the project's own package.json, or its folder `test`. */
export function recogniseSystemTests(path: string, env: NodeJS.ProcessEnv): Command | undefined {
  const folder = openFolder(path, env);
  return folder && (scriptIn(folder, 'test:system') ?? nodeTests(folder));
}

/** What `npm init` writes is no test. */
function scriptIn(folder: Folder, name: string): Command | undefined {
  const found = nodeScript(folder, name);
  return found?.argv.join(' ').includes('no test specified') ? undefined : found;
}

const nodeTestFile = /\.test\.[cm]?[jt]s$/;

function nodeTests(folder: Folder): Command | undefined {
  if (!folder.names.has('test')) return undefined;
  const files = filesBelow(join(folder.path, 'test'), (name) => nodeTestFile.test(name));
  if (files.length === 0) return undefined;
  return nodeCommand(folder, undefined, ['node', '--test', ...files.map((file) => `test/${file}`)], 'test/');
}

function goTests(folder: Folder): Command | undefined {
  if (!folder.names.has('go.mod')) return undefined;
  const files = filesBelow(folder.path, (name) => name.endsWith('_test.go'));
  return files.length === 0 ? undefined : goCommand(folder, ['go', 'test', './...'], 'go.mod');
}

function pythonTests(folder: Folder): Command | undefined {
  const files = filesBelow(folder.path, (name) => /^test_.*\.py$|_test\.py$/.test(name));
  if (files.length === 0) return undefined;
  const declared = ['pyproject.toml', 'requirements.txt', 'requirements-dev.txt', 'setup.cfg', 'tox.ini'];
  const isPytest =
    folder.names.has('pytest.ini') || declared.some((name) => /\bpytest\b/.test(readIn(folder, name) ?? ''));
  return isPytest
    ? pythonCommand(folder, ['python3', '-m', 'pytest'], 'pytest')
    : pythonCommand(folder, ['python3', '-m', 'unittest'], 'unittest');
}

function rustTests(folder: Folder): Command | undefined {
  if (!folder.names.has('Cargo.toml')) return undefined;
  const argv = ['cargo', 'test', '--quiet'];
  return { kind: 'command', argv, cwd: folder.path, language: 'rust', why: 'Cargo.toml', path: [] };
}

/** Folders that hold nobody's own tests, and those of which nobody knows how deep they are. */
const skipped = new Set(['node_modules', '.venv', 'venv', 'vendor', 'target', 'dist', '__pycache__']);
const deepest = 6;

/** Files below a folder, relative to it and sorted. */
function filesBelow(path: string, isWanted: (name: string) => boolean, depth = 0): readonly string[] {
  if (depth > deepest || !isFolder(path)) return [];
  return readdirSync(path)
    .toSorted()
    .flatMap((name) => {
      if (name.startsWith('.') || skipped.has(name)) return [];
      const inner = join(path, name);
      if (isWanted(name) && isFile(inner)) return [name];
      return filesBelow(inner, isWanted, depth + 1).map((file) => `${name}/${file}`);
    });
}
