import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createHome, type Home } from '../rig/cluster.ts';
import { dockerOf, EngineFolder } from '../rig/engine-folder.ts';
import { requireImages } from '../rig/images.ts';

/* Decision 19: a project in containers that has been up before is created again without Compose, unless anything is different. */
const why = requireImages('projects in containers that were up before', ['node:24-alpine', 'caddy:2']);
let home: Home;
beforeAll(() => void (home = createHome()));
afterAll(() => home[Symbol.dispose]());
beforeEach(({ skip }) => skip(why !== undefined, why));

const files: Readonly<Record<string, string>> = {
  'compose.yaml': `services:
  api:
    build: ./api
    init: true
    deploy: { replicas: 2 }
    environment: { WORD: "\${WORD:-none}" }
    env_file: [{ path: more.env, required: false }]
    volumes: ["kept:/kept"]
    expose: ["5000"]
volumes: { kept: {} }
`,
  'api/main.js': `const { WORD, MORE = '' } = process.env;
require('node:http').createServer((_, response) => response.end('one ' + WORD + MORE)).listen(5000);
`,
  'api/Dockerfile': 'FROM node:24-alpine\nWORKDIR /app\nCOPY . .\nEXPOSE 5000\nCMD ["node", "main.js"]\n',
};

/** A Compose that leaves a line for each of its starts, before the one of this machine. */
async function countedCompose(folder: EngineFolder): Promise<{ readonly env: NodeJS.ProcessEnv; ups(): number }> {
  const plugins = await dockerOf(
    home.env,
    'info',
    '--format',
    '{{range .ClientInfo.Plugins}}{{.Name}} {{.Path}}\n{{end}}',
  );
  const real = /^compose (.+)$/m.exec(plugins)?.[1] ?? '';
  const config = join(folder.dir, '..', `${folder.name}-docker`);
  const log = join(config, 'starts');
  mkdirSync(join(config, 'cli-plugins'), { recursive: true });
  const plugin = join(config, 'cli-plugins', 'docker-compose');
  writeFileSync(plugin, `#!/bin/sh\necho "$@" >> "${log}"\nexec "${real}" "$@"\n`);
  chmodSync(plugin, 0o755);
  const lines = (): readonly string[] => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []);
  return { env: { DOCKER_CONFIG: config }, ups: () => lines().filter((line) => / up --no-start /.test(line)).length };
}

test('up, down, up: the same again without Compose; whatever has changed is seen', async () => {
  await using folder = new EngineFolder(home, `again-${process.pid}`, files);
  const { env, ups } = await countedCompose(folder);
  // one that nobody else wants: with another port it would be another container
  const port = String(21_000 + (process.pid % 8_000));
  const answer = async (more: NodeJS.ProcessEnv = {}): Promise<string> => {
    const { report } = await folder.up({ env: { ...env, ...more } }, '--docker', '--port', port);
    const { text } = await folder.get(report);
    const running = await dockerOf(home.env, 'ps', '-q', '--filter', `label=com.docker.compose.project=${folder.name}`);
    expect(running.split('\n')).toHaveLength(3);
    await folder.down({ env });
    expect(await folder.inEngine()).toEqual([]);
    return text;
  };
  expect(await answer()).toBe('one none');
  expect(await answer()).toBe('one none');
  expect(ups()).toBe(1);

  const changes: readonly (readonly [() => void, string, NodeJS.ProcessEnv?])[] = [
    [() => writeFileSync(join(folder.dir, '.env'), 'WORD=dotenv\n'), 'one dotenv'],
    [() => undefined, 'one shell', { WORD: 'shell' }],
    [() => writeFileSync(join(folder.dir, 'more.env'), 'MORE=!\n'), 'one dotenv!'],
    [() => edit('api/main.js', 'one ', 'two '), 'two dotenv!'],
    [() => edit('compose.yaml', 'none', 'nothing'), 'two dotenv!'],
  ];
  const edit = (path: string, from: string, to: string): void =>
    writeFileSync(join(folder.dir, path), readFileSync(join(folder.dir, path), 'utf8').replace(from, to));
  for (const [change, expected, more] of changes) {
    const before = ups();
    change();
    expect(await answer(more)).toBe(expected);
    expect(ups(), expected).toBe(before + 1);
  }
  const before = ups();
  expect(await answer()).toBe('two dotenv!');
  expect(ups()).toBe(before);
  await folder.camp(['down', '--data', '--yes'], { env });
});

test('a name that somebody has taken since is refused as Compose would, and the next start is a usual one', async () => {
  await using folder = new EngineFolder(home, `taken-${process.pid}`, {
    ...files,
    'compose.yaml': (files['compose.yaml'] as string).replace('    deploy: { replicas: 2 }\n', ''),
  });
  await folder.up({}, '--docker');
  await folder.down();
  const stranger = await dockerOf(home.env, 'create', '--name', `${folder.name}-api-1`, 'caddy:2');
  try {
    const { errors } = await folder.fails({}, '--docker');
    expect(errors[0]?.message).toContain(`${folder.name}-api-1`);
    expect(await folder.inEngine()).toEqual([]);
  } finally {
    await dockerOf(home.env, 'rm', '-f', stranger);
  }
  const { report } = await folder.up({}, '--docker');
  expect((await folder.get(report)).text).toBe('one none');
  await folder.camp(['down', '--data', '--yes']);
});
