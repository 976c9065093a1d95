import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { countConfig } from './count.ts';
import { recordGenerated } from './generated.ts';
import { loadProject } from './load.ts';
import { measureConfiguration } from './size/measure.ts';
import type { Project } from './types.ts';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'camp-count-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('what camp wrote counts nothing until a person changes it', () => {
  const compose =
    'name: shop\nservices:\n  my-api:\n    build: .\n    environment: {MY_NAME: 1}\n  other:\n    build: .\n';
  const caddyfile = 'localhost {\n\treverse_proxy my-api:80\n}\n';
  writeFileSync(join(dir, 'compose.yaml'), compose);
  writeFileSync(join(dir, 'Caddyfile'), caddyfile);
  const files = [
    { path: 'compose.yaml', lines: 8, directives: 4 },
    { path: 'Caddyfile', lines: 3, directives: 1 },
  ];
  expect(countConfig(read(dir))).toEqual({ handWrittenLines: 11, files, totalLines: 11 });
  recordGenerated(dir, { 'compose.yaml': compose, Caddyfile: caddyfile });
  expect(countConfig(read(dir))).toEqual({ handWrittenLines: 0, files, totalLines: 11 });
  writeFileSync(join(dir, 'Caddyfile'), `${caddyfile}# mine\n`);
  expect(countConfig(read(dir)).handWrittenLines).toBe(3);
});

test('routes that camp derives are no configuration', () => {
  const folder = join(dir, 'derived');
  mkdirSync(folder);
  writeFileSync(join(folder, 'server.mjs'), '');
  writeFileSync(join(folder, 'package.json'), '{"scripts": {"start": "node server.mjs"}}');
  expect(countConfig(read(folder))).toEqual({ handWrittenLines: 0, files: [], totalLines: 0 });
});

test('up and measure count alike, files that are included and imported among them', () => {
  const folder = join(dir, 'split');
  mkdirSync(join(folder, 'more'), { recursive: true });
  writeFileSync(join(folder, 'compose.yaml'), 'include: [more/compose.yaml]\nservices:\n  a:\n    image: a\n');
  writeFileSync(join(folder, 'more', 'compose.yaml'), 'services:\n  b:\n    image: b\n');
  writeFileSync(join(folder, 'Caddyfile'), 'import more/*.caddy\n');
  writeFileSync(join(folder, 'more', 'b.caddy'), 'b.localhost {\n\treverse_proxy b:80\n}\n');
  const project = read(folder);
  const { files, totalLines } = countConfig(project);
  expect(files).toEqual([
    { path: 'compose.yaml', lines: 4, directives: 3 },
    { path: 'more/compose.yaml', lines: 3, directives: 2 },
    { path: 'Caddyfile', lines: 1, directives: 1 },
    { path: 'more/b.caddy', lines: 3, directives: 1 },
  ]);
  expect(totalLines).toBe(measureConfiguration(project).total.lines);
});

function read(folder: string): Project {
  const { project, problems } = loadProject(folder, { env: { PATH: process.env['PATH'] } });
  if (!project) throw new Error(JSON.stringify(problems));
  return project;
}
