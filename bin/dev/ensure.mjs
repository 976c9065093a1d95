// Makes the development dependencies available before any other script: `npm ci` when node_modules is
// missing or does not match the lockfile. Runs on whatever Node the machine has (20 and newer), because the
// Node that the project works with comes from npm itself (package `node`, linked into node_modules/.bin).
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const oldestNode = [22, 12];

const reason = whyInstall();
if (reason !== undefined) {
  process.stderr.write(`${reason}: running npm ci\n`);
  npm('ci', '--no-audit', '--no-fund', '--loglevel=error');
}
if (!isNodeUsable()) {
  process.stderr.write('node_modules/.bin/node is not usable: running its install script\n');
  npm('rebuild', 'node');
  if (!isNodeUsable()) {
    process.stderr.write(
      `Node ${oldestNode.join('.')} or newer is needed, this is ${process.version} (npm install -g node@24)\n`,
    );
    process.exit(4);
  }
}

/** What is wrong with node_modules, or undefined when every package of the lockfile is there in its version. */
function whyInstall() {
  const wanted = packagesOf('package-lock.json');
  if (!wanted) return 'package-lock.json cannot be read';
  const present = packagesOf('node_modules/.package-lock.json');
  if (!present) return 'node_modules is missing';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.optional || entry.link) continue;
    if (present[path]?.version !== entry.version || !existsSync(join(root, path)))
      return `${path} is not what package-lock.json says`;
  }
  return undefined;
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Whether the Node that the next script finds first on PATH is new enough. */
function isNodeUsable() {
  const own = join(root, 'node_modules', '.bin', 'node');
  const found = spawnSync(existsSync(own) ? own : process.execPath, ['--version'], { encoding: 'utf8' });
  const [major = 0, minor = 0] = (/^v(\d+)\.(\d+)/.exec(found.stdout ?? '') ?? []).slice(1).map(Number);
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
}

function npm(...args) {
  // npm tells its scripts where it is: the same npm is used again, whatever else PATH holds
  const cli = process.env.npm_execpath;
  const [file, first] = cli?.endsWith('.js') ? [process.execPath, [cli]] : ['npm', []];
  // stdout belongs to the script that follows
  const { status, error } = spawnSync(file, [...first, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  process.stderr.write(`npm ${args.join(' ')} failed${error ? `: ${error.message}` : ''}\n`);
  process.exit(status || 1);
}
