import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aService } from '../../../test/rig/services.ts';
import type { Service } from '../../project/types.ts';
import { withoutState } from './build-context.ts';

const dir = mkdtempSync(join(tmpdir(), 'camp-context-'));
const [state, run] = [join(dir, '.camp'), join(dir, '.camp', 'run')];
beforeAll(() => {
  mkdirSync(run, { recursive: true });
  mkdirSync(join(dir, 'api'));
  for (const folder of ['.', 'api']) writeFileSync(join(dir, folder, 'Dockerfile'), `FROM busybox\n# ${folder}\n`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const built = (name: string, context: string, over: Partial<Service> = {}): Service =>
  aService(name, { build: { context, hasDockerfile: true }, ...over });
const read = (...words: readonly string[]): string => readFileSync(join(run, ...words), 'utf8');

it("leaves camp's folder out of what it lies in, beside what the project leaves out", () => {
  writeFileSync(join(dir, '.dockerignore'), 'node_modules');
  const file = withoutState([built('web', dir), built('api', join(dir, 'api'))], state, run);
  expect(readFileSync(file ?? '', 'utf8')).toBe(
    `services:\n  "web": {build: {dockerfile: "${join(run, 'build/web/Dockerfile')}", dockerfile_inline: !reset null}}\n`,
  );
  expect(read('build/web/Dockerfile')).toBe('FROM busybox\n# .\n');
  expect(read('build/web/Dockerfile.dockerignore')).toBe('node_modules\n.camp\n');
});

it('does so with a Dockerfile that stands in the compose file', () => {
  withoutState([built('inline', join(dir, '..'), { hints: { dockerfile: 'FROM scratch' } })], state, run);
  expect(read('build/inline/Dockerfile')).toBe('FROM scratch');
  expect(read('build/inline/Dockerfile.dockerignore')).toMatch(/\n\S+\/\.camp\n$/);
});

it('changes no build of anything else', () => {
  const others = [built('api', join(dir, 'api')), built('remote', 'https://example.com/x.git'), aService('image', {})];
  expect(withoutState([...others, built('none', join(dir, 'api'))], state, run)).toBeUndefined();
});
