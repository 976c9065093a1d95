// `npm run demo`: what camp is for, in one go. Makes the starter project in a temporary folder, starts it behind
// HTTPS and asks it for an answer. Running it again converges the demo that is there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const camp = join(dirname(fileURLToPath(import.meta.url)), '..', 'camp.js');
const base = join(tmpdir(), `camp-demo-${userInfo().uid}`);
const dir = join(base, 'demo');

mkdirSync(base, { recursive: true, mode: 0o700 });
if (statSync(base).uid !== userInfo().uid) throw new Error(`${base} belongs to somebody else`);

if (!existsSync(join(dir, 'compose.yaml'))) show('init', dir, '--yes');
show('-C', dir, 'up', '-d');

const status = JSON.parse(run(['-C', dir, 'ps', '--json'], ['ignore', 'pipe', 'inherit']).stdout);
for (const service of status.services.filter((one) => one.url)) {
  const url = service.url.endsWith('/') ? service.url : `${service.url}/`;
  const answer = await get(url, readFileSync(status.edge.caFile));
  console.log(`\nGET ${url}\n${answer}`);
}

const front = status.urls.find((url) => new URL(url).pathname === '/') ?? status.urls[0];
const again = `npm run -s camp -- -C ${dir}`;
console.log(`
Look at it:  ${front}  (a browser trusts it after: npm run -s camp -- trust)
             curl --cacert ${quoted(status.edge.caFile)} ${front}
             ${again} ps
             ${again} logs -f
Change it:   edit ${dir}/services/api/src/app.ts, and ask again
Stop it:     ${again} down`);

/** Runs camp with its output shown; a failure ends the demo with camp's own exit code. */
function show(...args) {
  console.log(`$ camp ${args.join(' ')}`);
  run(args, ['ignore', 'inherit', 'inherit']);
}

function run(args, stdio) {
  const result = spawnSync(process.execPath, [camp, ...args], { stdio, encoding: 'utf8' });
  if (result.status !== 0) process.exit(result.status ?? 1);
  return result;
}

/** A real request: the name is the URL's, the certificate is verified, only the address is ours. */
function get(url, ca) {
  return new Promise((resolve, reject) => {
    const lookup = (_name, options, done) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
    request(url, { ca, lookup, timeout: 10_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('end', () =>
        resolve(`${response.statusCode} ${response.headers['content-type'] ?? ''}\n${excerpt(body)}`),
      );
    })
      .on('error', reject)
      .end();
  });
}

function excerpt(body) {
  const lines = body.trim().split('\n');
  return lines.slice(0, 5).join('\n') + (lines.length > 5 ? '\n…' : '');
}

function quoted(path) {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
