import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
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
