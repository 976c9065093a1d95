import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { builtImage } from '../../src/camp/containers/images.ts';
import { loadProject } from '../../src/project/load.ts';
import { fingerprintOf } from '../../src/runtime/docker/build-inputs.ts';

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'camp-built-')));
  write('services/orders/Dockerfile', 'FROM scratch\n');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

function imageOf(contexts: string) {
  write(
    'compose.yaml',
    `services:\n  orders:\n    build:\n      context: services/orders\n      additional_contexts: ${contexts}\n`,
  );
  const { project, problems } = loadProject(dir, { env: {} });
  const service = project?.services.get('orders');
  if (!project?.compose || !service) throw new Error(JSON.stringify(problems));
  const image = builtImage(project.compose, service);
  if (!image) throw new Error('nothing is built');
  return image;
}

// a folder that many images share was no input of any of them when it was written as a list, or relative
test.each(['[project=.]', '{project: .}', '{project: ./}'])('what %s brings into an image decides', (contexts) => {
  write('.dockerignore', '*\n!packages\n');
  write('packages/kit/log.ts', 'a');
  const before = fingerprintOf(imageOf(contexts).build);
  expect(before).toBeDefined();
  write('services/other/main.ts', 'not in it');
  expect(fingerprintOf(imageOf(contexts).build)).toBe(before);
  write('packages/kit/log.ts', 'another');
  expect(fingerprintOf(imageOf(contexts).build)).not.toBe(before);
});

test('what is no folder stays as it is written', () => {
  const { contexts } = imageOf(
    '{base: "docker-image://alpine:3", code: "https://example.com/a.git", here: ../x}',
  ).build;
  expect(contexts).toEqual({
    base: 'docker-image://alpine:3',
    code: 'https://example.com/a.git',
    here: join(dirname(dir), 'x'),
  });
});
