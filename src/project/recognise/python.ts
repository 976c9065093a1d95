import { join } from 'node:path';
import type { Install } from '../types.ts';
import { type Command, type Folder, isFile, isFolder, isOnPath, readIn } from './folder.ts';

/** A Python folder: manage.py, a declared server with its application, or main.py and the like. */
export function recognisePython(folder: Folder): Command | undefined {
  const isPython = [
    'pyproject.toml',
    'requirements.txt',
    'main.py',
    'app.py',
    'manage.py',
    'server.py',
    '__main__.py',
  ].some((name) => folder.names.has(name));
  const found = isPython ? startOf(folder, declaredPackages(folder)) : undefined;
  return found && pythonCommand(folder, found.argv, found.why);
}

/** A command in a Python folder: its virtual environment before PATH, and what must be installed before. */
export function pythonCommand(folder: Folder, argv: readonly string[], why: string): Command {
  const install = pythonInstall(folder);
  const venv = venvOf(folder) ?? (install ? '.venv' : undefined);
  return {
    kind: 'command',
    argv,
    cwd: folder.path,
    language: 'python',
    why,
    ...(install ? { install } : {}),
    path: venv ? [join(folder.path, venv, 'bin')] : [],
  };
}

interface Found {
  readonly argv: readonly string[];
  readonly why: string;
}

function startOf(folder: Folder, declared: readonly string[]): Found | undefined {
  if (folder.names.has('manage.py'))
    return { argv: withPort('python3 manage.py runserver "127.0.0.1:$PORT" --noreload'), why: 'manage.py' };
  const asgi =
    declared.includes('uvicorn') || declared.includes('fastapi')
      ? applicationIn(folder, /^(\w+)\s*(?::\s*[\w.]+\s*)?=\s*(?:\w+\.)?(?:FastAPI|Starlette|Quart|Litestar)\(/m)
      : undefined;
  if (asgi)
    return {
      argv: withPort(`python3 -m uvicorn ${asgi.target} --host 127.0.0.1 --port "$PORT"`),
      why: `${asgi.file} with uvicorn`,
    };
  const flask = /^(\w+)\s*=\s*(?:\w+\.)?Flask\(/m;
  const wsgi = declared.includes('gunicorn') ? applicationIn(folder, flask) : undefined;
  if (wsgi)
    return {
      argv: withPort(`python3 -m gunicorn --bind "127.0.0.1:$PORT" ${wsgi.target}`),
      why: `${wsgi.file} with gunicorn`,
    };
  const app = declared.includes('flask') ? applicationIn(folder, flask) : undefined;
  if (app)
    return {
      argv: withPort(`python3 -m flask --app ${app.target} run --host 127.0.0.1 --port "$PORT"`),
      why: `${app.file} with flask`,
    };
  const file = ['main.py', 'app.py', 'server.py', '__main__.py', 'src/main.py'].find((name) =>
    name.includes('/') ? isFile(join(folder.path, name)) : folder.names.has(name),
  );
  return file === undefined ? undefined : { argv: ['python3', file], why: file };
}

/** These servers take their port as an argument only; camp and Compose give it as PORT. */
function withPort(line: string): readonly string[] {
  return ['sh', '-c', `PORT="\${PORT:-8080}"; exec ${line}`];
}

function applicationIn(
  folder: Folder,
  pattern: RegExp,
): { readonly target: string; readonly file: string } | undefined {
  const candidates = [
    'main.py',
    'app.py',
    'server.py',
    'api.py',
    'wsgi.py',
    'asgi.py',
    'app/main.py',
    'src/main.py',
    'app/__init__.py',
  ];
  for (const file of candidates) {
    const text = file.includes('/') || folder.names.has(file) ? readIn(folder, file) : undefined;
    const name = text && pattern.exec(text)?.[1];
    if (name) return { target: `${file.replace(/(?:\/__init__)?\.py$/, '').replaceAll('/', '.')}:${name}`, file };
  }
  return undefined;
}

/** Lower-case names of the packages that requirements.txt or pyproject.toml declares. */
function declaredPackages(folder: Folder): readonly string[] {
  const lines = [...requirementLines(folder), ...projectDependencies(readIn(folder, 'pyproject.toml') ?? '')];
  return lines.flatMap(
    (line) => /^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line)?.[0].toLowerCase().replaceAll('_', '-') ?? [],
  );
}

function requirementLines(folder: Folder): readonly string[] {
  if (!folder.names.has('requirements.txt')) return [];
  return (readIn(folder, 'requirements.txt') ?? '')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*/, '').trim())
    .filter(Boolean);
}

/** `dependencies = [...]` of `[project]` (PEP 621), and the keys of Poetry's table; no more of TOML is read. */
function projectDependencies(toml: string): readonly string[] {
  const project = section(toml, 'project');
  const list = /^dependencies\s*=\s*\[((?:[^\]"']|"[^"]*"|'[^']*')*)\]/m.exec(project)?.[1] ?? '';
  const declared = [...list.replace(/^\s*#.*$/gm, '').matchAll(/"([^"]*)"|'([^']*)'/g)].map(
    (each) => each[1] ?? each[2] ?? '',
  );
  const poetry = [...section(toml, 'tool.poetry.dependencies').matchAll(/^([A-Za-z0-9._-]+)\s*=/gm)].map(
    (each) => each[1] ?? '',
  );
  return [...declared, ...poetry.filter((name) => name !== 'python')];
}

function section(toml: string, name: string): string {
  const begin = new RegExp(`^\\[${name.replaceAll('.', '\\.')}\\][ \\t]*$`, 'm').exec(toml);
  if (!begin) return '';
  const rest = toml.slice(begin.index + begin[0].length);
  const end = /^\[[^\]\n"']+\][ \t]*$/m.exec(rest);
  return end ? rest.slice(0, end.index) : rest;
}

function venvOf(folder: Folder): string | undefined {
  return ['.venv', 'venv'].find((name) => folder.names.has(name) && isFolder(join(folder.path, name, 'bin')));
}

/** Left in .venv while packages are being installed: an interrupted install is repeated. */
const stamp = '.camp-installing';

function pythonInstall(folder: Folder): Install | undefined {
  const requirements = requirementLines(folder);
  const project = folder.names.has('pyproject.toml') ? projectDependencies(readIn(folder, 'pyproject.toml') ?? '') : [];
  if (requirements.length + project.length === 0) return undefined;
  const venv = venvOf(folder);
  const isHalf = venv === '.venv' && isFile(join(folder.path, '.venv', stamp));
  if (venv && !isHalf) return undefined;
  const why = isHalf ? 'an install into .venv was interrupted' : '.venv is missing';
  const uv = isOnPath('uv', folder.env);
  if (uv && folder.names.has('uv.lock')) return { argv: ['uv', 'sync'], cwd: folder.path, why };
  const make = uv ? 'uv venv --quiet --allow-existing .venv' : 'python3 -m venv .venv';
  const add = uv
    ? 'uv pip install --quiet --python .venv/bin/python'
    : '.venv/bin/pip install --quiet --disable-pip-version-check';
  const what = requirements.length > 0 ? ['-r', 'requirements.txt'] : project;
  return {
    argv: ['sh', '-c', `${make} && : > .venv/${stamp} && ${add} "$@" && rm -f .venv/${stamp}`, 'sh', ...what],
    cwd: folder.path,
    why,
  };
}
