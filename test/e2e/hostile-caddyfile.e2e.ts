import { readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { listeners } from '../../src/kit/ports.ts';
import { socketInodes } from '../../src/kit/process.ts';
import { createHome } from '../rig/cluster.ts';
import { Folder, small } from '../rig/folder.ts';
import { bin, hasStack, trial } from '../rig/trial.ts';

/* A Caddyfile may ask for what is dangerous on a desk; the edge stays on loopback, its admin private, its CA the user's. */
const home = createHome();
afterAll(() => home[Symbol.dispose]());

const site = 'small.localhost {\n\treverse_proxy api:8080\n}\n';
const asking: Readonly<Record<string, string>> = {
  'an admin endpoint on TCP': `{\n\tadmin 0.0.0.0:2019\n}\n${site}`,
  'no admin endpoint': `{\n\tadmin off\n}\n${site}`,
  'all interfaces': site.replace('{\n', '{\n\tbind 0.0.0.0\n'),
  'all interfaces by default': `{\n\tdefault_bind 0.0.0.0 ::\n}\n${site}`,
  'another storage': `{\n\tstorage file_system {\n\t\troot ./certificates\n\t}\n}\n${site}`,
  'no HTTPS': `{\n\tauto_https off\n}\n${site}`,
  'a port of its own': `${site}:9876 {\n\trespond hi\n}\n`,
  'an address of its own': `${site}http://0.0.0.0:9877 {\n\trespond hi\n}\n`,
  'other ports': `{\n\thttp_port 8888\n\thttps_port 9999\n}\n${site}`,
  'a certificate of an authority': `{\n\temail someone@example.com\n\tacme_ca https://127.0.0.1:1/directory\n}\n${site}`,
};

/** Addresses that a process and its siblings of the project listen on, as the kernel says. */
function listening(folder: Folder): readonly string[] {
  const own = new Set(folder.processes().flatMap(({ pid }) => [...socketInodes(pid)]));
  return listeners()
    .filter(({ owner }) => own.has(owner))
    .map(({ address }) => address);
}

describe('a Caddyfile that asks for', () => {
  test.each(Object.keys(asking))('%s', async (name) => {
    await using folder = new Folder(home, `asks-${name.replaceAll(' ', '-')}`, {
      ...small,
      Caddyfile: asking[name] ?? '',
    });
    const { report } = await folder.up();
    const addresses = listening(folder);
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(address, name).toMatch(/^(127\.0\.0\.1|::1)$/);
    expect(listeners().filter(({ port }) => port === 2019)).toEqual([]);
    const admin = statSync(join(folder.dir, '.camp/run/admin.sock'));
    expect(admin.mode & 0o777).toBe(0o600);
    expect(statSync(join(folder.dir, '.camp')).mode & 0o777).toBe(0o700);
    expect(report.edge?.caFile.startsWith(home.dir)).toBe(true);
    if (name !== 'no HTTPS') expect((await folder.get(report)).status).toBe(200);
  });
});

test('a CA whose key is empty is named, and never replaced', async () => {
  await using folder = new Folder(home, 'ca');
  const env = { CAMP_HOME: join(home.dir, 'other') };
  const { report } = await folder.up({ env });
  await folder.down({ env });
  const key = join(dirname(report.edge?.caFile ?? ''), 'root.key');
  const root = readFileSync(report.edge?.caFile ?? '', 'utf8');
  truncateSync(key);
  const outcome = await folder.fails({ env });
  expect(outcome.code).toBe(6);
  expect(outcome.errors[0]).toMatchObject({ code: 'CA_UNUSABLE' });
  expect(outcome.errors[0]?.message).toContain(key);
  expect(readFileSync(report.edge?.caFile ?? '', 'utf8')).toBe(root);
  expect((await folder.camp(['doctor'], { env })).stdout).toContain(key);
});

test('ten services added at once: all are in both files', async () => {
  const folder = new Folder(home, 'many', {
    'compose.yaml': '# mine\nx-camp: native\nservices: {}   # none yet\n',
    Caddyfile: '# mine\nmany.localhost {\n\tencode gzip\n}\n',
  });
  const names = Array.from({ length: 10 }, (_, i) => `service-${i}`);
  const all = await Promise.all(
    names.map((name) => folder.camp(['add', 'service', name, '--template', 'static', '--json'])),
  );
  for (const one of all) expect(one.code, one.stdout + one.stderr).toBe(0);
  const [compose, caddyfile] = [
    readFileSync(join(folder.dir, 'compose.yaml'), 'utf8'),
    readFileSync(join(folder.dir, 'Caddyfile'), 'utf8'),
  ];
  for (const name of names) {
    expect(compose).toContain(`  ${name}:`);
    expect(caddyfile).toContain(`/${name}`);
  }
  expect(`${compose}${caddyfile}`.match(/# mine/g)?.length).toBe(2);
  expect((await folder.camp(['plan', '--json'])).code).toBe(0);
});

test('a Node that is too old is told so in one line', async () => {
  const old = `data:text/javascript,${encodeURIComponent('Object.defineProperty(process.versions, "node", { value: "20.11.0" })')}`;
  const outcome = await trial(['up'], {
    cwd: home.dir,
    env: home.env,
    command: [process.execPath, '--import', old, bin],
  });
  expect(outcome.code).toBe(4);
  expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
  expect(outcome.stderr).toContain('22.12');
});

test('started through a link, from another folder, or by its shebang: the same', async () => {
  const folder = new Folder(home, 'linked');
  const link = join(home.dir, 'camp-link');
  symlinkSync(bin, link);
  const plain = await folder.camp(['plan']);
  for (const command of [[process.execPath, link], [link]]) {
    const linked = await folder.camp(['plan'], { command });
    expect(linked.stdout).toBe(plain.stdout);
  }
  const elsewhere = await trial(['-C', folder.dir, 'plan'], { cwd: '/', env: home.env });
  expect(elsewhere.stdout).toBe(plain.stdout);
});

test('the file of state that a newer or a broken camp left is no stack trace', async () => {
  await using folder = new Folder(home, 'state');
  await folder.up();
  await folder.down();
  for (const content of ['', '{', '[]', '{"version":999}', 'null', '\0\0', '"text"']) {
    writeFileSync(join(folder.dir, '.camp/ports.json'), content);
    writeFileSync(join(folder.dir, '.camp/lock'), content);
    writeFileSync(join(folder.dir, '.camp/caddyfile-ok'), content);
    const outcome = await folder.camp(['plan', '--json']);
    expect(outcome.code, `${content} ${outcome.stdout}${outcome.stderr}`).toBe(0);
    const up = await folder.camp(['up', '-d', '--json']);
    expect(up.code, `${content} ${up.stdout}${up.stderr}`).toBe(0);
    expect(hasStack(up)).toBe(false);
    await folder.down();
  }
});
