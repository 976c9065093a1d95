import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MeasureReport } from '../../src/stopwatch/types.ts';
import { createHome, type Home } from '../rig/cluster.ts';
import { can, Folder, small } from '../rig/folder.ts';
import { leftOfMeasuring, printOf } from '../rig/measuring.ts';
import { errorsOf, hasStack, trial, writeFiles } from '../rig/trial.ts';

/* What keeps a project from being measured, or does not. Whatever it is, nothing of the measuring is left. */
let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && can('mount', ['unshare', '-m', 'true']);
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const canBeNobody = isRoot && can('run as another user', [...nobody, 'true']);
const timeoutMs = 60_000;
const quick = ['measure', '--json', '--runs', '1', '--only', 'first-request,reload'];

function expectAllMeasured(stdout: string): MeasureReport {
  const report = JSON.parse(stdout) as MeasureReport;
  expect(report.metrics.map(({ id, status }) => `${id} ${status}`)).toEqual([
    'timeToFirstRequestMs measured',
    'timeToReloadMs measured',
    'reloadFailedRequests measured',
  ]);
  return report;
}

describe('the project', () => {
  test('in which a service does not come up: exit 5 with what it said', async () => {
    await using folder = new Folder(home, 'broken', {
      ...small,
      'api/main.cjs': "console.error('the flux is missing'); process.exit(3);\n",
    });
    const before = printOf(folder.dir);
    const outcome = await folder.camp(quick, { timeoutMs });
    expect(outcome.code, outcome.stderr).toBe(5);
    expect(errorsOf(outcome)[0]).toMatchObject({ fault: 'service' });
    expect(outcome.stdout).toContain('the flux is missing');
    expect(printOf(folder.dir)).toEqual(before);
    expect(leftOfMeasuring(folder.dir)).toEqual([]);
    expect(readdirSync(join(folder.dir, '.camp'))).toEqual(['.gitignore']);
  });

  test('which is wrong: exit 3 with the place in its own file, and nothing is copied', async () => {
    await using folder = new Folder(home, 'wrong', {
      ...small,
      Caddyfile: 'small.localhost {\n\treverse_prox api\n}\n',
    });
    const outcome = await folder.camp(quick);
    expect(outcome.code).toBe(3);
    expect(errorsOf(outcome)[0]?.source).toMatchObject({ file: 'Caddyfile', line: 2 });
    expect(readdirSync(folder.dir)).not.toContain('.camp');
  });

  test('with more than 4 GB: NOT_MEASURABLE; its configuration can be measured', async () => {
    await using folder = new Folder(home, 'huge', { ...small, 'data/dump.sql': '' });
    // a hole, which takes no space of the disk
    truncateSync(join(folder.dir, 'data/dump.sql'), 5 * 1024 ** 3);
    const outcome = await folder.camp(quick);
    expect([outcome.code, errorsOf(outcome)[0]?.code]).toEqual([4, 'NOT_MEASURABLE']);
    expect(leftOfMeasuring(folder.dir)).toEqual([]);
    expect((await folder.camp(['measure', '--only', 'configuration'])).code).toBe(0);
  });

  test('with a service, or a file that it needs, outside of its folder: NOT_MEASURABLE, and what is there stays as it is', async () => {
    await using folder = new Folder(home, 'around', {
      'shared/main.cjs': small['api/main.cjs'] ?? '',
      'shared/words.env': 'A=1\n',
    });
    const [shared, inner] = [join(folder.dir, 'shared'), join(folder.dir, 'inner')];
    const before = printOf(shared);
    for (const [where, lines] of [
      ['../shared', ''],
      [shared, ''],
      ['.', '    env_file: ../shared/words.env\n'],
    ]) {
      const words = `    build: ${where}\n    x-camp: { run: node main.cjs }\n${lines}`;
      writeFiles(inner, {
        'compose.yaml': `name: inner\nx-camp: native\nservices:\n  api:\n${words}`,
        'main.cjs': small['api/main.cjs'] ?? '',
      });
      const outcome = await folder.camp(['-C', inner, ...quick], { timeoutMs });
      expect([outcome.code, errorsOf(outcome)[0]?.code], outcome.stdout).toEqual([4, 'NOT_MEASURABLE']);
      expect(leftOfMeasuring(inner)).toEqual([]);
    }
    expect(printOf(shared)).toEqual(before);
  }, 120_000);

  test('whose program is a link to somewhere else: that is not changed, and it has no time to reload', async () => {
    await using folder = new Folder(home, 'linked');
    const elsewhere = join(home.dir, 'elsewhere.cjs');
    renameSync(join(folder.dir, 'api/main.cjs'), elsewhere);
    symlinkSync(elsewhere, join(folder.dir, 'api/main.cjs'));
    const before = readFileSync(elsewhere, 'utf8');
    const outcome = await folder.camp(quick, { timeoutMs });
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
    const { metrics } = JSON.parse(outcome.stdout) as MeasureReport;
    expect(metrics.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'timeToFirstRequestMs measured',
      'timeToReloadMs not-applicable',
      'reloadFailedRequests not-applicable',
    ]);
    expect(readFileSync(elsewhere, 'utf8')).toBe(before);
  }, 120_000);

  test('with a volume that has a name of its own, which would be shared: NOT_ISOLATED', async () => {
    await using folder = new Folder(home, 'shared', {
      ...small,
      'compose.yaml': `${small['compose.yaml']}volumes:\n  data: {name: shop-data}\n`,
    });
    const outcome = await folder.camp(quick);
    expect([outcome.code, errorsOf(outcome)[0]?.code]).toEqual([3, 'NOT_ISOLATED']);
  });

  test('named like what measuring makes: lock, copy, empty', async () => {
    for (const name of ['lock', 'copy', 'empty']) {
      await using folder = new Folder(home, name);
      const outcome = await folder.camp(['measure', '--json', '--runs', '1', '--only', 'stop,cold'], { timeoutMs });
      expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
      expect(leftOfMeasuring(folder.dir)).toEqual([]);
    }
  }, 180_000);
});

/** A folder that another user may reach, with a project and camp's folders that are theirs. */
function openFolder(files: Readonly<Record<string, string>> = small): Folder & Disposable {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'camp-open-')));
  for (const name of ['home', 'tmp', 'camp']) mkdirSync(join(root, name), { mode: 0o777 });
  for (const name of ['', 'home', 'tmp', 'camp']) chmodSync(join(root, name), 0o777);
  const env = { ...home.env, HOME: join(root, 'home'), TMPDIR: join(root, 'tmp'), CAMP_HOME: join(root, 'camp') };
  const open: Home = { dir: root, env, [Symbol.dispose]: () => undefined };
  const folder = new Folder(open, 'project', files);
  return Object.assign(folder, { [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) });
}

describe('the machine', () => {
  test.skipIf(!canBeNobody)('a file that may not be read is told, and everything else is measured', async () => {
    using folder = openFolder({ ...small, 'secrets/key.pem': 'key', 'secret.txt': 'secret' });
    chmodSync(folder.dir, 0o777);
    chmodSync(join(folder.dir, 'secret.txt'), 0o600);
    chmodSync(join(folder.dir, 'secrets'), 0o700);
    const outcome = await folder.camp(quick, { wrap: nobody, timeoutMs });
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
    const { notes } = expectAllMeasured(outcome.stdout);
    expect(notes.join('\n')).toMatch(/not copied, because it may not be read: secret.txt, secrets/);
    expect(leftOfMeasuring(folder.dir)).toEqual([]);
  });

  test.skipIf(!canBeNobody)('folders that a program has made read-only are removed too', async () => {
    using folder = openFolder({
      ...small,
      'api/main.cjs': `const fs = require('node:fs');
fs.mkdirSync('cache/module/inner', { recursive: true });
fs.writeFileSync('cache/module/inner/file', '', { mode: 0o444 });
for (const name of ['cache/module/inner', 'cache/module']) fs.chmodSync(name, 0o555);
${small['api/main.cjs']}`.replace(
        "fs.writeFileSync('cache",
        "if (!fs.existsSync('cache/module/inner/file')) fs.writeFileSync('cache",
      ),
    });
    chmodSync(folder.dir, 0o777);
    const outcome = await folder.camp(quick, { wrap: nobody, timeoutMs });
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
    expectAllMeasured(outcome.stdout);
    expect(leftOfMeasuring(folder.dir)).toEqual([]);
  });

  test.skipIf(!canMount)('a project that may only be read is measured, on a copy that lies with the user', async () => {
    const folder = new Folder(home, 'read-only');
    const before = printOf(folder.dir);
    const script = `mount --bind "${folder.dir}" "${folder.dir}" && mount -o remount,ro,bind "${folder.dir}" && cd "${folder.dir}" && exec "$@"`;
    const outcome = await folder.camp(quick, { wrap: ['unshare', '-m', 'sh', '-c', script, 'sh'], timeoutMs });
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
    expectAllMeasured(outcome.stdout);
    expect(printOf(folder.dir)).toEqual(before);
    expect(readdirSync(folder.dir)).not.toContain('.camp');
    const states = join(home.dir, 'camp/state/projects');
    const [state = ''] = readdirSync(states);
    expect(readdirSync(join(states, state)).toSorted()).toEqual(['.gitignore', 'metrics.jsonl']);
  });

  test.skipIf(!canMount)('a full disk: DISK_FULL with the path, no half copy, no process', async () => {
    const source = new Folder(home, 'disk', { ...small, 'api/large.bin': 'x'.repeat(600_000) });
    const at = mkdtempSync(join(home.dir, 'full-'));
    const script = `mount -t tmpfs -o size=1m full "${at}" && cp -r "${source.dir}"/. "${at}"/ && cd "${at}" && "$@"; code=$?; ls -A "${at}" "${at}/.camp" >&2; exit $code`;
    const outcome = await trial(quick, {
      cwd: source.dir,
      env: home.env,
      wrap: ['unshare', '-m', 'sh', '-c', script, 'sh'],
      timeoutMs,
    });
    expect([outcome.code, errorsOf(outcome)[0]?.code], outcome.stderr).toEqual([4, 'DISK_FULL']);
    expect(outcome.stdout).toContain('large.bin');
    expect(outcome.stderr).not.toMatch(/^measure$/m);
    expect(hasStack(outcome)).toBe(false);
    expect(leftOfMeasuring(at)).toEqual([]);
  });
});
