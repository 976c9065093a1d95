import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadProject } from '../load.ts';
import type { ServerImage } from '../types.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'camp-server-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The server of one service that is written so; undefined where it is none. */
function server(lines: string, rest = ''): ServerImage | undefined {
  const indented = lines
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
  writeFileSync(join(dir, 'compose.yaml'), `x-camp: native\nservices:\n  s:\n${indented}\n${rest}`);
  const { project, problems } = loadProject(dir, { env: {} });
  expect(problems).toEqual([]);
  return project?.services.get('s')?.server;
}

test.each([
  ['postgres:17', 'postgres', 17],
  ['docker.io/library/postgres:16.4-alpine', 'postgres', 16],
  ['postgres', 'postgres', undefined],
  ['redis:8-alpine', 'redis', 8],
  ['valkey/valkey:8', 'redis', 8],
  ['nats:2.10', 'nats', 2],
  ['nats:alpine', 'nats', undefined],
  ['rabbitmq:4-management', 'rabbitmq', 4],
])('%s is %s %s', (image, name, major) => {
  expect(server(`image: ${image}`)).toMatchObject({ name, ...(major === undefined ? {} : { major }) });
  expect(server(`image: ${image}`)?.major).toBe(major);
  expect(server(`image: ${image}`)?.obstacle).toBeUndefined();
});

test.each([
  'postgis/postgis:17',
  'timescale/timescaledb',
  'bitnami/postgresql:16',
  'redis/redis-stack',
  'kafka',
  'nginx:1',
])('%s holds more than a server, or another one', (image) => expect(server(`image: ${image}`)).toBeUndefined());

test.each([
  ['volumes: ["data:/var/lib/postgresql/data"]', undefined],
  ['volumes: ["data:/var/lib/postgresql"]', undefined],
  ['volumes: ["./init:/docker-entrypoint-initdb.d:ro"]', undefined],
  ['tmpfs: ["/var/lib/postgresql/data"]', undefined],
  ['secrets: [pw]', undefined],
  ['volumes: ["./pg.conf:/etc/postgresql.conf"]', 'it mounts ./pg.conf at /etc/postgresql.conf'],
  ['volumes: ["./pgdata:/var/lib/postgresql/data"]', 'its data is the folder ./pgdata'],
  ['volumes: [{type: bind, source: ./x, target: /x}]', 'it mounts ./x at /x'],
  ['entrypoint: ["/start.sh"]', 'it has an entrypoint of its own'],
  ['network_mode: host', 'it has network_mode'],
  ['command: ["bash", "-c", "exec postgres"]', 'its command is bash'],
])('%s: %s', (line, obstacle) => {
  const rest = 'volumes: {data: {}}\nsecrets: {pw: {file: ./pw.txt}}\n';
  expect(server(`image: postgres:17\n${line}`, rest)?.obstacle).toBe(obstacle);
});

test('its command, its scripts and its secrets are read', () => {
  const rest = 'secrets: {pw: {file: ./pw.txt}}\n';
  const found = server(
    'image: postgres:17\ncommand: postgres -c "work_mem=5 MB"\nsecrets: [pw]\nvolumes: ["./init:/docker-entrypoint-initdb.d"]',
    rest,
  );
  expect(found?.command).toEqual(['postgres', '-c', 'work_mem=5 MB']);
  expect(found?.initScripts).toEqual([join(dir, 'init')]);
  expect(found?.secrets).toEqual({ '/run/secrets/pw': join(dir, 'pw.txt') });
});
