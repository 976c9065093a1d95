// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Compose's variables, not JavaScript's
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { loadProject } from '../../src/project/load.ts';
import { composeCommand } from '../rig/compose-command.ts';
import { seed } from '../rig/seed.ts';

/* `docker compose config` needs no engine; where Compose is, it decides what a file means. */
const hasCompose = composeCommand !== undefined;
if (!hasCompose) console.warn('SKIPPED: docker compose is not installed, nothing is compared with it');

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'camp-oracle-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Input {
  readonly compose: string;
  readonly dotenv: string;
  readonly envFile: string;
  readonly env: Readonly<Record<string, string>>;
}

type Services = Readonly<
  Record<
    string,
    {
      readonly environment?: Readonly<Record<string, string | null>>;
      readonly image?: string;
      readonly [key: string]: unknown;
    }
  >
>;

/** What both make of the same files: `undefined` where it is refused. */
function both(input: Input): { readonly theirs: Services | undefined; readonly ours: ReturnType<typeof loadProject> } {
  writeFileSync(join(dir, 'compose.yaml'), input.compose);
  writeFileSync(join(dir, '.env'), input.dotenv);
  writeFileSync(join(dir, 'a.env'), input.envFile);
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir, ...input.env };
  const { status, stdout } = spawnSync(composeCommand ?? '', ['config', '--format', 'json'], {
    cwd: dir,
    env,
    encoding: 'utf8',
  });
  const theirs = status === 0 ? (JSON.parse(stdout) as { services: Services }).services : undefined;
  return { theirs, ours: loadProject(dir, { env }) };
}

/** Compose prints `$$` for a dollar. */
function undollar(value: string): string {
  return value.replaceAll('$$', '$');
}

function compare(input: Input): void {
  const { theirs, ours } = both(input);
  const shown = JSON.stringify(input, undefined, 1);
  expect(
    ours.project !== undefined,
    `accepted by ${ours.project ? 'camp' : 'Compose'} only: ${shown} ${JSON.stringify(ours.problems)}`,
  ).toBe(theirs !== undefined);
  for (const [name, service] of Object.entries(theirs ?? {})) {
    const own = ours.project?.services.get(name);
    const set = Object.entries(service.environment ?? {}).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    );
    expect({ ...own?.env }, shown).toEqual(Object.fromEntries(set.map(([key, value]) => [key, undollar(value)])));
    expect(own?.image, shown).toBe(service.image && undollar(service.image));
  }
}

const service = (rest: string) => `services:\n  a:\n    image: x\n${rest}`;

describe.skipIf(!hasCompose)('compared with docker compose config', () => {
  test('generated interpolation, env files and .env', () => {
    const word = fc.constantFrom(
      'x',
      'two words',
      '',
      '${B}',
      '$A',
      '$$',
      '${A:-d}',
      '${C-${B:-n}}',
      '${B:+p}',
      '${C+q}',
      "it's",
      'a#b',
      'a # b',
      '\\n',
      '${A:?e}',
      '{b}',
      '${',
      '$1',
      '${D?}',
    );
    const line = fc
      .tuple(
        fc.constantFrom('A', 'B', 'C', 'E', 'F'),
        fc.constantFrom('=', '= ', ': '),
        fc.constantFrom('', '"', "'"),
        word,
        word,
      )
      .map(([name, sign, quote, a, b]) => `${name}${sign}${quote}${a}${b}${quote}`);
    const file = fc.array(line, { maxLength: 4 }).map((lines) => `${lines.join('\n')}\n`);
    const values = fc.array(fc.tuple(fc.constantFrom('P', 'Q', 'A'), word, word), { maxLength: 3 });
    const input = fc.record({
      compose: values.map((all) =>
        service(
          `    env_file: [a.env]\n    environment:\n      - R\n${all.map(([name, a, b]) => `      - ${JSON.stringify(`${name}=${a}${b}`)}\n`).join('')}`,
        ),
      ),
      dotenv: file,
      envFile: file,
      env: fc.dictionary(fc.constantFrom('A', 'B', 'R'), fc.constantFrom('caller', '', '$x'), { maxKeys: 2 }),
    });
    fc.assert(fc.property(input, compare), { seed, numRuns: Number(process.env['ORACLE_RUNS'] ?? 40) });
  });

  const plain = (compose: string, dotenv = ''): Input => ({ compose, dotenv, envFile: '', env: {} });

  test('numbers and words as environment', () => {
    const values = [
      '0755',
      '1_000',
      '0o17',
      '1.10',
      '1e3',
      '1e6',
      '1e21',
      '0x1F',
      '0b11',
      '089',
      '+1',
      '-0',
      '.5',
      '1.',
      '-0.0',
      'true',
      'True',
      'yes',
      'off',
      '~',
      'null',
      '""',
      '"007"',
      "'1.10'",
      '12345678901234567890',
      '123456789.5',
      '0.00001',
      '.inf',
      '1:30',
    ];
    compare(plain(service(`    environment:\n${values.map((value, i) => `      V${i}: ${value}\n`).join('')}`)));
  });

  const bodies: readonly string[] = [
    ...['1m30s', '"90"', '90', '1d2h', '1.5s', '"0"', '1s 500ms', '2w', '-1s'].map(
      (each) => `stop_grace_period: ${each}`,
    ),
    ...[
      '"8080"',
      '"80:81"',
      '"127.0.0.1:82:82/udp"',
      '"9000-9002:9000-9002"',
      '"7000-7002:70"',
      '"127.0.0.1::99"',
      '"[::1]:6:6"',
      '5',
      '"::1:7:7"',
      '"80:80:80:80"',
      '"70000:1"',
      '"a:1"',
      '"1-3:1-2"',
      '"80/foo"',
      '"80:"',
      '"127.0.0.1:80"',
      '"localhost:80:80"',
      '""',
      '":80"',
      '{target: 80}',
      '{target: 80, published: "1-2"}',
    ].map((each) => `ports: [${each}]`),
    'deploy: {replicas: "${N:-2}"}',
    'deploy: {replicas: lots}',
    'scale: 2',
    'privileged: "yes"',
    'privileged: maybe',
    'init: on',
    'user: 1000',
    'command: "echo \\"a"',
    'command: [a, 1]',
    'mem_limit: 1.5gb',
    'mem_limit: lots',
    'depends_on: [a]',
    'depends_on: [b]',
    'depends_on: {b: {condition: service_started, required: false}}',
    'networks: [other]',
    'networks: [default]',
    'volumes: ["data:/data"]',
    'volumes: ["./data:/data", "/anonymous"]',
    'secrets: [key]',
    'healthcheck: {test: [x]}',
    'healthcheck: {test: NONE}',
    'healthcheck: {interval: 5}',
    'labels: {a: 1, b: true}',
    'labels: [a=1, b]',
    'environment: text',
    'environment: {A: [1]}',
    'env_file: missing.env',
    'env_file: [{path: missing.env, required: false}]',
    'extra_hosts: ["a:1.2.3.4"]',
    'ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}',
    'logging: {driver: json-file, options: {max-size: 1m}}',
    'tmpfs: /run',
    'tmpfs: [/run]',
    'expose: [80, "81", 90-92]',
    'profiles: [x]',
    'develop: {watch: [{path: ., action: sync, target: /x}]}',
    'develop: {watch: [{path: ., action: sink}]}',
    'gpus: all',
    'unknown: 1',
    'x-anything: {a: [1]}',
    'build: {context: ., args: {A: 1}, target: t, no_cache: true}',
    'build: {contxt: .}',
    'restart: false',
    'restart: no',
    'pull_policy: always',
    'cpus: 0.5',
    'cpus: "0.5"',
    'sysctls: {net.core.somaxconn: 1024}',
    'stdin_open: true',
    'image: 5',
    'hostname: 1',
    'shm_size: 64m',
    'network_mode: service:zz',
    'links: [zz]',
  ];
  test.each(bodies)('%s', (body) => {
    compare(plain(`services:\n  a:\n    ${body.startsWith('image') ? '' : 'image: x\n    '}${body}\n`));
  });

  test.each([
    ['a duplicate key', 'services:\n  a:\n    image: x\n    image: y\n'],
    ['a tab', 'services:\n\ta:\n\t\timage: x\n'],
    ['an unknown top-level key', 'service: {}\nservices:\n  a:\n    image: x\n'],
    [
      'merge keys',
      'x-b: &b {image: y, environment: {A: "1"}}\nservices:\n  a:\n    <<: *b\n    environment: {B: "2"}\n  c:\n    <<: [*b, {restart: always}]\n',
    ],
    ['two documents', 'services:\n  a:\n    image: x\n---\nservices:\n  a:\n    environment: [A=1]\n'],
    ['a cycle', 'services:\n  a:\n    image: x\n    depends_on: [b]\n  b:\n    image: x\n    depends_on: [a]\n'],
    ['no image', 'services:\n  a:\n    ports: ["80"]\n'],
    ['a null service', 'services:\n  a:\n'],
    ['a list of services', 'services:\n  - a\n'],
    ['an upper-case service', 'services:\n  A_b.c:\n    image: x\n'],
    ['a service with a blank', 'services:\n  "a b":\n    image: x\n'],
  ])('%s', (_, compose) => {
    compare(plain(compose));
  });
});
