import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CampError } from '../kit/failure.ts';
import { loadProject } from '../project/load.ts';
import { refuseShared } from './shared-things.ts';

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'camp-shared-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** What is refused of a project with these lines below `services:` and after them. */
function refused(services: string, rest = ''): readonly string[] {
  writeFileSync(join(dir, 'compose.yaml'), `name: shop\nservices:\n  db: ${services}\n${rest}\n`);
  const { project, problems } = loadProject(dir, { env: {}, instance: 'test' });
  if (!project) throw new Error(JSON.stringify(problems));
  try {
    refuseShared(project);
    return [];
  } catch (error) {
    if (!(error instanceof CampError)) throw error;
    return error.failures.map(({ code, message }) => `${code} ${message.replace(dir, '')}`);
  }
}

const isShared = 'has a name of its own, which a cluster for tests would share';

test('what Compose names after the project is not shared', () => {
  expect(refused('{image: "postgres:17", volumes: ["data:/var/lib/postgresql/data"]}', 'volumes: {data: {}}')).toEqual(
    [],
  );
  expect(refused('{image: "postgres:17", volumes: ["./init:/docker-entrypoint-initdb.d:ro"]}')).toEqual([]);
});

test.each(['{name: shop-data}', '{external: true}'])('a volume that is %s is shared', (words) => {
  const found = refused('{image: "postgres:17"}', `volumes: {data: ${words}}`);
  expect(found).toEqual([`NOT_ISOLATED volume "data" ${isShared}`]);
});

test('a container with a name is shared', () => {
  expect(refused('{image: "postgres:17", container_name: the-db}')).toEqual([
    `NOT_ISOLATED the container of service "db" ${isShared}`,
  ]);
});

test.each([
  ['postgres:17', '/var/lib/postgresql/data'],
  ['redis:8', '/data'],
  ['mysql:8', '/var/lib/mysql'],
  ['mongo:8', '/data/db'],
])('a folder of this machine that %s keeps its data in is shared, unless it is a native server', (image, target) => {
  const volumes = `volumes: ["./kept:${target}"]`;
  expect(refused(`{image: "${image}", ${volumes}}`)).toEqual([
    'NOT_ISOLATED service "db" keeps its data in /kept, which a cluster for tests would share',
  ]);
  if (/postgres|redis/.test(image)) expect(refused(`{image: "${image}", ${volumes}, x-camp: native}`)).toEqual([]);
});
