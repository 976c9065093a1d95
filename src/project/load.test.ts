import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { projectId } from '../kit/paths.ts';
import { loadProject } from './load.ts';

const rig = realpathSync(mkdtempSync(join(tmpdir(), 'camp-load-')));
afterAll(() => rmSync(rig, { recursive: true, force: true }));

function folder(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const dir = join(rig, name);
  mkdirSync(dir, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(dir, file), content);
  return dir;
}
const codes = (dir: string, name?: string) =>
  loadProject(dir, { env: {}, ...(name === undefined ? {} : { name }) }).problems.map(
    ({ code, fault }) => `${fault} ${code}`,
  );

test('the folder is known by its real path', () => {
  const dir = folder('Real Folder', { 'compose.yaml': 'services: {}\n' });
  symlinkSync(dir, join(rig, 'link'));
  const { project } = loadProject(join(rig, 'link'), { env: {} });
  expect(project).toMatchObject({
    dir,
    id: projectId(dir),
    name: 'real-folder',
    domain: 'real-folder.localhost',
    composeFile: join(dir, 'compose.yaml'),
  });
});

test('a name that is asked for wins, and must be a DNS label', () => {
  const dir = folder('named', { 'compose.yaml': 'name: file\nservices: {}\n' });
  expect(loadProject(dir, { env: {} }).project?.name).toBe('file');
  expect(loadProject(dir, { env: {}, name: 'asked' }).project).toMatchObject({
    name: 'asked',
    domain: 'asked.localhost',
  });
  expect(codes(dir, 'No Name')).toEqual(['usage INVALID_NAME']);
});

test('profiles that are asked for win over COMPOSE_PROFILES', () => {
  const dir = folder('profiles', {
    'compose.yaml': 'services:\n  a: {image: x, profiles: [one]}\n  b: {image: x, profiles: [two]}\n',
  });
  const names = (profiles?: readonly string[]) => [
    ...(loadProject(dir, {
      env: { COMPOSE_PROFILES: 'one' },
      ...(profiles ? { profiles } : {}),
    }).project?.services.keys() ?? []),
  ];
  expect(names()).toEqual(['a']);
  expect(names(['two'])).toEqual(['b']);
  expect(names(['*'])).toEqual(['a', 'b']);
  expect(names([])).toEqual([]);
});

test('files that are no text files', () => {
  const dir = folder('odd', {
    'compose.yaml': new Uint8Array([0xff, 0xfe, 0x61, 0]),
    Caddyfile: 'x'.repeat(1_000_001),
  });
  mkdirSync(join(dir, '.env'));
  expect(codes(dir)).toEqual(['project NOT_A_FILE', 'project NOT_TEXT', 'project FILE_TOO_LARGE']);
});

test('a folder that is not there, and one with nothing in it', () => {
  expect(codes(join(rig, 'missing'))).toEqual(['usage NOT_A_PROJECT']);
  expect(codes(folder('bare', {}))).toEqual(['usage NOT_A_PROJECT']);
});

test('140 services are read quickly', () => {
  const text = Array.from({ length: 140 }, (_, i) => `  s${i}:\n    image: x\n    ports: ["${3000 + i}:80"]\n`).join(
    '',
  );
  const dir = folder('many', { 'compose.yaml': `services:\n${text}` });
  loadProject(dir, { env: {} });
  const begin = performance.now();
  expect(loadProject(dir, { env: {} }).project?.services.size).toBe(140);
  expect(performance.now() - begin).toBeLessThan(300);
});

test('files that are asked for: merged in their order, from the folder of the first', () => {
  const dir = folder('asked', {
    'compose.yaml': 'services:\n  never: {image: x}\n',
    '.env': 'V=top\n',
    'all.env': 'V=all\n',
  });
  folder('asked/sub', {
    'one.yaml': 'services:\n  a: {image: "x$V", build: here}\n',
    'two.yaml': 'services:\n  a: {environment: {TWO: "2"}}\n',
    '.env': 'V=sub\n',
  });
  const files = ['sub/one.yaml', join(dir, 'sub/two.yaml')];
  const { project, problems } = loadProject(dir, { env: {}, files });
  expect(problems).toEqual([]);
  expect(project?.services.get('a')).toMatchObject({ image: 'xsub', build: { context: join(dir, 'sub/here') } });
  expect(project?.services.get('a')?.env).toEqual({ TWO: '2' });
  expect(project).toMatchObject({ dir, name: 'sub', composeFile: join(dir, 'sub/one.yaml') });
  expect(project?.compose).toMatchObject({ name: 'sub', dir: join(dir, 'sub'), envFiles: [], profiles: [] });
  expect(project?.compose?.files).toEqual([join(dir, 'sub/one.yaml'), join(dir, 'sub/two.yaml')]);
  const asked = loadProject(dir, { env: {}, files, envFiles: ['all.env'] }).project;
  expect(asked?.services.get('a')?.image).toBe('xall');
  expect(asked?.compose?.envFiles).toEqual([join(dir, 'all.env')]);
  expect(
    loadProject(dir, { env: {}, files: ['none.yaml', '-', 'oci://x/y'] }).problems.map(({ code }) => code),
  ).toEqual(['FILE_MISSING', 'FILE_MISSING', 'REMOTE_FILE']);
});

test('every file that was read is named, for watching', () => {
  const dir = folder('read', {
    'compose.yaml': 'include: [i.yaml]\nservices:\n  a: {extends: {file: b.yaml, service: b}, env_file: a.env}\n',
    'compose.override.yaml': 'services: {}\n',
    'i.yaml': 'services:\n  i: {image: x}\n',
    'b.yaml': 'services:\n  b: {image: x}\n',
    'a.env': 'A=1\n',
    '.env': '',
    Caddyfile: ':80\n',
  });
  const read = loadProject(dir, { env: {} }).project?.compose?.read;
  const names = ['.env', 'Caddyfile', 'a.env', 'b.yaml', 'compose.override.yaml', 'compose.yaml', 'i.yaml'];
  expect([...(read ?? [])].sort()).toEqual(names.map((name) => join(dir, name)).sort());
});

test('the name of a folder is a label for people and what Compose makes of it for Compose', () => {
  const dir = folder('My_App X', { 'compose.yaml': 'services:\n  a: {image: "$COMPOSE_PROJECT_NAME"}\n' });
  const { project } = loadProject(dir, { env: {} });
  expect(project).toMatchObject({ name: 'my-app-x', domain: 'my-app-x.localhost', compose: { name: 'my_appx' } });
  expect(project?.services.get('a')?.image).toBe('my_appx');
});

test('a path may begin with the home folder', () => {
  const dir = folder('home', { 'compose.yaml': 'services:\n  a: {build: ~/nowhere-at-all}\n' });
  expect(loadProject(dir, { env: {} }).project?.services.get('a')?.build?.context).toBe(
    join(homedir(), 'nowhere-at-all'),
  );
});

/** Problems of a project that would like to be read for ever. */
function hostile(name: string, files: Readonly<Record<string, string>>): readonly string[] {
  const { project, problems } = loadProject(folder(name, files), { env: {} });
  for (const { source, hints, code } of problems) {
    expect(source, code).toBeDefined();
    expect(hints.length, code).toBeGreaterThan(0);
  }
  return project ? ['fine'] : problems.map(({ code, source }) => `${code} ${source?.file}:${source?.line}`);
}

describe('files that do not end', () => {
  const numbered = (count: number, text: (i: number) => string) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}.yaml`, text(i)]));

  test('a thousand files that include each other in a row', () => {
    const files = numbered(1000, (i) => `include: [f${i + 1}.yaml]\nservices: {s${i}: {image: x}}\n`);
    expect(hostile('chain', { ...files, 'compose.yaml': 'include: [f0.yaml]\n' })).toEqual(['TOO_DEEP f99.yaml:1']);
  });

  test('each file includes the next one twice', () => {
    const files = numbered(40, (i) => `include: [f${i + 1}.yaml, ./f${i + 1}.yaml]\n`);
    const all = { ...files, 'f40.yaml': 'services: {a: {image: x}}\n', 'compose.yaml': 'include: [f0.yaml]\n' };
    expect(hostile('doubling', all)).toEqual(['TOO_MANY_FILES f40.yaml:1']);
  });

  test('a thousand files that extend each other in a row', () => {
    const files = numbered(1000, (i) => `services: {s: {extends: {file: f${i + 1}.yaml, service: s}}}\n`);
    const first = 'services: {a: {image: x, extends: {file: f0.yaml, service: s}}}\n';
    expect(hostile('extending', { ...files, 'compose.yaml': first })).toEqual(['TOO_DEEP f99.yaml:1']);
  });

  test('thousands of services that extend each other in a row, and in a circle', () => {
    const text = (count: number, last: string) =>
      `services:\n${Array.from({ length: count }, (_, i) => `  s${i}: {image: x, extends: ${i + 1 < count ? `s${i + 1}` : last}}\n`).join('')}`;
    expect(hostile('long', { 'compose.yaml': text(300, 's300').replace(/, extends: s300/, '') })).toContain(
      'TOO_DEEP compose.yaml:102',
    );
    expect(hostile('circle', { 'compose.yaml': text(50, 's0') })).toEqual(['EXTENDS_CYCLE compose.yaml:51']);
    expect(hostile('endless', { 'compose.yaml': text(2_000, 's0') }).length).toBeGreaterThan(0);
  });

  test('files that are folders, too large, no text or no compose file', () => {
    const dir = folder('no-files', { 'binary.yaml': new Uint8Array([0xff, 0]) as never, 'list.yaml': '- a\n' });
    mkdirSync(join(dir, 'folder.yaml'));
    writeFileSync(join(dir, 'large.yaml'), '#'.repeat(1_000_001));
    const names = ['folder.yaml', 'large.yaml', 'binary.yaml', 'list.yaml'];
    const include = `include:\n${names.map((name) => `  - ${name}\n`).join('')}`;
    expect(hostile('no-files', { 'compose.yaml': include })).toEqual([
      'NOT_A_FILE compose.yaml:2',
      'FILE_TOO_LARGE compose.yaml:3',
      'NOT_TEXT compose.yaml:4',
      'WRONG_TYPE list.yaml:1',
    ]);
    const services = names.map((name, i) => `  s${i}: {extends: {file: ${name}, service: x}}\n`).join('');
    expect(hostile('no-files', { 'compose.yaml': `services:\n${services}` })).toEqual([
      'NOT_A_FILE compose.yaml:2',
      'FILE_TOO_LARGE compose.yaml:3',
      'NOT_TEXT compose.yaml:4',
      'UNKNOWN_REFERENCE compose.yaml:5',
    ]);
  });
});
