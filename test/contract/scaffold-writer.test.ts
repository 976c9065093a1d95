import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failuresOf } from '../../src/kit/failure.ts';
import { isGenerated } from '../../src/project/generated.ts';
import { addService } from '../../src/scaffold/add-service.ts';
import { applyChanges } from '../../src/scaffold/apply.ts';
import { initProject } from '../../src/scaffold/init-project.ts';
import { recoverChanges } from '../../src/scaffold/recover.ts';
import type { Change } from '../../src/scaffold/types.ts';
import { writeChanges } from '../../src/scaffold/write.ts';
import { Killed, onFailingDisk, treeOf } from '../rig/failing-disk.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'camp-writer-'));
  dir = join(root, 'shop');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const discover = () => [];
const init = (to = dir) => applyChanges(to, () => initProject({ dir: to, discover }), { purpose: 'camp init' });
const add = (name: string, template = 'node') =>
  applyChanges(dir, () => addService({ dir, name, template }), { purpose: 'camp add service' });
const ignored = ['.camp'];
const codeOf = async (work: () => unknown) => {
  try {
    await work();
    return 'none';
  } catch (error) {
    return failuresOf(error)[0]?.code;
  }
};

/** The change set of `add`, without the lock: a test that plays dead in its own process would hold it for ever. */
const addChanges = async () => (await addService({ dir, name: 'orders', template: 'node' })).changes;

describe('killed at the k-th file operation', () => {
  test('add: after the next command the project is the old one or the new one', async () => {
    await init();
    const before = treeOf(dir, ignored);
    const changes = await addChanges();
    writeChanges(changes, dir);
    const after = treeOf(dir, ignored);
    const outcomes = new Map<string, number>();
    for (let k = 1; ; k++) {
      rmSync(dir, { recursive: true });
      await init();
      const { error } = await onFailingDisk(k, 'killed', () => writeChanges(changes, dir));
      if (!(error instanceof Error)) break;
      const recovered = recoverChanges(dir);
      const now = treeOf(dir, ignored);
      const isNew = JSON.stringify(now) === JSON.stringify(after);
      if (!isNew) expect(now, `killed at operation ${k}`).toEqual(before);
      const left = readdirSync(join(dir, '.camp')).filter((name) => !name.endsWith('.tmp'));
      expect(left.sort(), `leftovers of operation ${k}`).toEqual(['.gitignore', 'generated.json']);
      expect(recoverChanges(dir)).toBe('nothing');
      outcomes.set(recovered, (outcomes.get(recovered) ?? 0) + 1);
      if (isNew) expect(isGenerated(dir, 'compose.yaml', readFileSync(join(dir, 'compose.yaml'), 'utf8'))).toBe(true);
      writeChanges(isNew ? [] : changes, dir);
      expect(treeOf(dir, ignored), `run again after operation ${k}`).toEqual(after);
    }
    expect(outcomes.get('nothing')).toBeGreaterThan(20);
    expect(outcomes.get('completed')).toBeGreaterThan(5);
  });

  test('recovery itself may be killed as well', async () => {
    await init();
    const changes = await addChanges();
    const before = treeOf(dir, ignored);
    const { calls } = await onFailingDisk(Number.POSITIVE_INFINITY, 'killed', () => writeChanges(changes, dir));
    const after = treeOf(dir, ignored);
    for (let k = calls - 12; k <= calls; k++)
      for (let r = 1; r <= 12; r++) {
        rmSync(dir, { recursive: true });
        await init();
        await onFailingDisk(k, 'killed', () => writeChanges(changes, dir));
        await onFailingDisk(r, 'killed', () => recoverChanges(dir));
        recoverChanges(dir);
        const now = treeOf(dir, ignored);
        expect([JSON.stringify(before), JSON.stringify(after)], `killed at ${k}, then at ${r}`).toContain(
          JSON.stringify(now),
        );
      }
  });

  test('init: the folder is not there, or is complete', async () => {
    const { changes } = await initProject({ dir, discover });
    for (let k = 1; ; k++) {
      rmSync(root, { recursive: true });
      mkdirSync(root);
      const { error } = await onFailingDisk(k, 'killed', () => init());
      if (existsSync(dir))
        expect(Object.keys(treeOf(dir, ignored)).filter((path) => !path.endsWith('/')).length).toBe(changes.length);
      if (!error) break;
    }
    expect(existsSync(dir)).toBe(true);
  });
});

describe('disk full at the k-th file operation', () => {
  test('add and init change nothing and leave nothing', async () => {
    await init();
    rmSync(join(dir, '.camp'), { recursive: true });
    const before = treeOf(dir);
    let failures = 0;
    for (let k = 1; ; k++) {
      const { error, calls } = await onFailingDisk(k, 'full', () => add('orders'));
      if (error) {
        expect(failuresOf(error)[0], `operation ${k}`).toMatchObject({ fault: 'machine', code: 'DISK_FULL' });
        expect(treeOf(dir), `operation ${k}`).toEqual(before);
        failures++;
      } else {
        rmSync(join(dir, 'services/orders'), { recursive: true });
        for (const path of ['compose.yaml', 'Caddyfile', 'package-lock.json'])
          writeFileSync(join(dir, path), (before[path] ?? '').slice(4));
        rmSync(join(dir, '.camp'), { recursive: true });
      }
      if (calls < k) break;
    }
    expect(failures).toBeGreaterThan(30);
    const other = join(root, 'other');
    for (let k = 1; k < 20; k++) {
      const { error } = await onFailingDisk(k, 'full', () => init(other));
      if (error) expect(readdirSync(root), `operation ${k}`).toEqual(['shop']);
      rmSync(other, { recursive: true, force: true });
    }
  });
});

describe('what a person has is never lost', () => {
  const edit: Change = { path: 'compose.yaml', before: 'name: a\n', after: 'name: b\n' };
  beforeEach(() => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'compose.yaml'), 'name: a\n');
  });

  test('a file that exists is not overwritten', async () => {
    const before = treeOf(dir);
    expect(
      await codeOf(() => writeChanges([edit, { path: 'new', after: '1' }, { path: 'compose.yaml', after: 'x' }], dir)),
    ).toBe('FILE_EXISTS');
    expect(treeOf(dir, ignored)).toEqual(before);
  });

  test('a file that was saved meanwhile is not overwritten, and nothing else is written', async () => {
    writeFileSync(join(dir, 'compose.yaml'), 'name: mine\n');
    expect(await codeOf(() => writeChanges([{ path: 'services/a/x', after: '1' }, edit], dir))).toBe('FILE_CHANGED');
    expect(treeOf(dir, ignored)).toMatchObject({ 'compose.yaml': '644 name: mine\n' });
    expect(existsSync(join(dir, 'services'))).toBe(false);
  });

  test('saved between a kill and the next command: theirs stays, the rest is taken back', async () => {
    const changes: readonly Change[] = [{ path: 'services/a/x', after: '1' }, { path: 'new', after: '2' }, edit];
    const { calls } = await onFailingDisk(Number.POSITIVE_INFINITY, 'killed', () => writeChanges(changes, dir));
    let rolledBack = 0;
    for (let k = 1; k <= calls; k++) {
      rmSync(dir, { recursive: true });
      mkdirSync(dir);
      writeFileSync(join(dir, 'compose.yaml'), 'name: a\n');
      const { error } = await onFailingDisk(k, 'killed', () => writeChanges(changes, dir));
      if (!error) continue; // the very last calls only tidy up
      writeFileSync(join(dir, 'compose.yaml'), 'name: mine\n');
      if (recoverChanges(dir) === 'rolled-back') rolledBack++;
      expect(treeOf(dir, ignored)['compose.yaml']).toBe('644 name: mine\n');
      expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      const [hasFolder, hasFile] = [existsSync(join(dir, 'services/a/x')), existsSync(join(dir, 'new'))];
      expect(hasFolder, `all or nothing after operation ${k}`).toBe(hasFile);
    }
    expect(rolledBack).toBeGreaterThan(2);
  });

  test('mode and a link inside the project are kept', () => {
    mkdirSync(join(dir, 'conf'));
    renameSync(join(dir, 'compose.yaml'), join(dir, 'conf/compose.yaml'));
    chmodSync(join(dir, 'conf/compose.yaml'), 0o600);
    symlinkSync('conf/compose.yaml', join(dir, 'compose.yaml'));
    writeChanges([edit], dir);
    expect(treeOf(dir, ignored)).toEqual({
      'compose.yaml': '-> conf/compose.yaml',
      'conf/': '',
      'conf/compose.yaml': '600 name: b\n',
    });
  });

  test('a path or a link that leads out of the project is refused', async () => {
    const outside = join(root, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, join(dir, 'services'));
    symlinkSync(join(outside, 'nowhere'), join(dir, 'dangling'));
    for (const path of [
      'services/a',
      'dangling',
      'dangling/a',
      '../x',
      '/etc/x',
      'a/../../x',
      'a//b',
      './a',
      '',
      'a\0b',
    ])
      expect(await codeOf(() => writeChanges([{ path, after: 'x' }], dir)), path).toMatch(
        /^(OUTSIDE_PROJECT|FILE_EXISTS)$/,
      );
    expect(readdirSync(outside)).toEqual([]);
    expect(readdirSync(root).sort()).toEqual(['outside', 'shop']);
  });

  test('a journal that points outside is not followed', () => {
    mkdirSync(join(dir, '.camp/change/after'), { recursive: true });
    writeFileSync(join(dir, '.camp/change/after/0'), 'x');
    const entry = { kind: 'file', path: '../canary', files: [{ path: '', after: 'x' }] };
    writeFileSync(join(dir, '.camp/change/journal.json'), JSON.stringify({ format: 1, entries: [entry] }));
    expect(recoverChanges(dir)).toBe('nothing');
    expect(readdirSync(root)).toEqual(['shop']);
    expect(existsSync(join(dir, '.camp/change'))).toBe(false);
  });

  test.each(['', '{', '[]', 'null', '{"format":2}', '{"format":1,"entries":[{}]}'])(
    'a journal of %j is thrown away',
    (text) => {
      mkdirSync(join(dir, '.camp/change'), { recursive: true });
      writeFileSync(join(dir, '.camp/change/journal.json'), text);
      expect(recoverChanges(dir)).toBe('nothing');
      expect(treeOf(dir, ignored)).toEqual({ 'compose.yaml': '644 name: a\n' });
    },
  );
});

test('a half-written file goes when it is old enough that nobody writes it any more', () => {
  mkdirSync(join(dir, '.camp'), { recursive: true });
  for (const name of ['.camp-0123456789ab.tmp', '.camp-ba9876543210.tmp', 'state.tmp'])
    writeFileSync(join(dir, '.camp', name), '');
  for (const name of ['.camp-0123456789ab.tmp', 'state.tmp']) utimesSync(join(dir, '.camp', name), 0, 0);
  recoverChanges(dir);
  expect(readdirSync(join(dir, '.camp')).sort()).toEqual(['.camp-ba9876543210.tmp', 'state.tmp']);
});

test('ten adds at once are all in, three times', async () => {
  for (let round = 0; round < 3; round++) {
    rmSync(dir, { recursive: true, force: true });
    await init();
    const names = Array.from({ length: 10 }, (_, n) => `s${n}`);
    await Promise.all(names.map((name) => add(name, 'static')));
    for (const name of names) {
      expect(readFileSync(join(dir, 'compose.yaml'), 'utf8')).toContain(`  ${name}:\n    build: services/${name}\n`);
      expect(readFileSync(join(dir, 'Caddyfile'), 'utf8')).toContain(`reverse_proxy /${name}/* ${name}:8080`);
    }
    expect(readdirSync(join(dir, '.camp')).sort()).toEqual(['.gitignore', 'generated.json']);
  }
});

test('what a killed init left beside the folder goes with the next one', async () => {
  mkdirSync(join(root, '.camp-init-999999999-1-0123abcd/services'), { recursive: true });
  mkdirSync(join(root, '.camp-init-mine'));
  await init();
  expect(readdirSync(root).sort()).toEqual(['.camp-init-mine', 'shop']);
});

test('a generated file counts as generated after add; one that a person edited does not', async () => {
  await init();
  writeFileSync(join(dir, 'Caddyfile'), `# mine\n${readFileSync(join(dir, 'Caddyfile'), 'utf8')}`);
  await add('orders', 'go');
  const text = (path: string) => readFileSync(join(dir, path), 'utf8');
  expect(isGenerated(dir, 'compose.yaml', text('compose.yaml'))).toBe(true);
  expect(isGenerated(dir, 'services/orders/main.go', text('services/orders/main.go'))).toBe(true);
  expect(isGenerated(dir, 'Caddyfile', text('Caddyfile'))).toBe(false);
});

test('a dry run shows the diff and touches nothing', async () => {
  await init();
  const before = treeOf(root);
  const { diff } = await applyChanges(dir, () => addService({ dir, name: 'orders', template: 'static' }), {
    purpose: 'camp add',
    dryRun: true,
  });
  expect(diff).toContain('--- a/Caddyfile\n+++ b/Caddyfile\n');
  expect(diff).toContain('\n+\treverse_proxy /orders/* orders:8080\n');
  expect(diff).toContain('--- /dev/null\n+++ b/services/orders/index.html\n');
  expect(treeOf(root)).toEqual(before);
});

test('the rig kills at the operation that it is told', async () => {
  const { error, calls } = await onFailingDisk(2, 'killed', () => {
    mkdirSync(dir);
    mkdirSync(join(dir, 'x'));
  });
  expect([existsSync(dir), existsSync(join(dir, 'x')), calls, error instanceof Killed]).toEqual([true, false, 2, true]);
});
