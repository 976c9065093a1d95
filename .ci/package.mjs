// The package as somebody gets it: packed, installed into an empty folder without install scripts, with folders of
// its own, so that nothing of this checkout helps. Then init, up, a real answer of every URL, down.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const base = mkdtempSync(join(tmpdir(), 'camp-package-'));
const home = join(base, 'home');
mkdirSync(home, { mode: 0o700 });
const env = { ...process.env, HOME: home, CAMP_HOME: join(home, 'camp') };
const most = 3_000_000;

let isUp = false;
try {
  run(root, 'npm', 'pack', '--silent', '--pack-destination', base);
  const tarball = readdirSync(base).find((name) => name.endsWith('.tgz')) ?? fail('npm pack made no tarball');
  const size = statSync(join(base, tarball)).size;
  if (size > most) fail(`the tarball has ${size} bytes, more than the budget of ${most}`);
  const app = join(base, 'app');
  mkdirSync(app);
  run(app, 'npm', 'init', '--yes', '--silent');
  run(app, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', join(base, tarball));
  const packages = readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'));
  if (packages.join() !== '@camp') fail(`it brought other packages: ${packages.join(', ')}`);

  const camp = join(app, 'node_modules', '.bin', 'camp');
  run(app, camp, '--version');
  run(app, camp, '--help');
  run(app, camp, 'init', 'hello', '--yes');
  const hello = join(app, 'hello');
  isUp = true;
  const report = JSON.parse(run(hello, camp, 'up', '-d', '--json'));
  const ca = readFileSync(report.edge.caFile);
  for (const url of report.urls) {
    const status = await get(url, ca);
    console.log(`${status} ${url}`);
    if (status !== 200) fail(`${url} answered ${status}`);
  }
  console.log(`${(size / 1000).toFixed(0)} kB packed; up in ${report.timeToFirstRequestMs} ms`);
  run(hello, camp, 'down');
  isUp = false;
  const alive = report.services
    .flatMap((service) => service.pids)
    .concat(report.edge.pid ?? [])
    .filter(isAlive);
  if (alive.length > 0) fail(`still alive after down: ${alive.join(', ')}`);
} finally {
  if (isUp)
    spawnSync(join(base, 'app/node_modules/.bin/camp'), ['down', '--force'], {
      cwd: join(base, 'app/hello'),
      env,
      stdio: 'inherit',
    });
  rmSync(base, { recursive: true, force: true });
}

function run(cwd, file, ...args) {
  console.log(`$ ${file.split('/').at(-1)} ${args.join(' ')}`);
  const { status, stdout, error } = spawnSync(file, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 200_000,
  });
  if (status !== 0) fail(`${file} ${args.join(' ')}: exit ${status}${error ? `, ${error.message}` : ''}\n${stdout}`);
  return stdout;
}

function get(url, ca) {
  const lookup = (_name, options, done) =>
    options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
  return new Promise((resolve, reject) => {
    request(url, { ca, lookup, timeout: 10_000 }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}

function isAlive(pid) {
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`).length > 0;
}

function fail(message) {
  throw new Error(message);
}
