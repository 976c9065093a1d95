import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Followed, followFiles } from '../../src/camp/autopilot.ts';
import { loadProject } from '../../src/project/load.ts';
import { eventually } from '../rig/cluster.ts';

let dir = '';
let seen: string[] = [];
let stop = (): void => undefined;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'camp-autopilot-')));
  seen = [];
});
afterEach(() => {
  stop();
  rmSync(dir, { recursive: true, force: true });
});

function write(path: string, text = String(Math.random())): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

/** Follows a project of real files; what would be done is written down. */
function follow(compose: string): void {
  write('compose.yaml', compose);
  const { project, problems } = loadProject(dir, { env: process.env });
  if (!project) throw new Error(JSON.stringify(problems));
  const followed: Followed = {
    project,
    ending: new AbortController().signal,
    emit: () => undefined,
    restart: async (service) => void seen.push(`restart ${service}`),
    installAndRestart: async (service) => void seen.push(`install ${service}`),
    placementOf: () => 'process',
    containerRuntime: undefined,
    converge: () => Promise.reject(new Error('the project has not changed')),
  };
  stop = followFiles(followed);
}

const has = (line: string) =>
  eventually(
    line,
    () => seen.includes(line),
    10_000,
    () => seen,
  );
/** Events come in order: once this one is there, those before it have been judged. */
const afterwards = async (path: string, line: string): Promise<void> => {
  write(path);
  await has(line);
};

describe('what a process does when files change', () => {
  test('without rules every change of its folder restarts it, a manifest installs', async () => {
    write('api/main.js');
    follow('x-camp: native\nservices:\n  api: { build: ./api, x-camp: { run: node main.js } }\n');
    write('api/main.js');
    await has('restart api');
    write('api/package.json', '{}');
    await has('install api');
    expect(seen.filter((line) => line.startsWith('install'))).toHaveLength(1);
  });

  test('with rules only what they say, by action, and the folder of another service follows its own', async () => {
    for (const path of ['api/main.js', 'api/public/a.css', 'api/conf/a.json', 'lib/x.js', 'api/inner/main.js'])
      write(path);
    follow(`x-camp: native
services:
  api:
    build: ./api
    x-camp: { run: node main.js }
    develop:
      watch:
        - { path: ./api/public, action: sync, target: /app/public }
        - { path: ./api/conf, action: sync+restart, target: /app/conf, ignore: [generated/] }
        - { path: ./api/package.json, action: rebuild }
        - { path: ./lib, action: sync, target: /app/lib }
  inner: { build: ./api/inner, x-camp: { run: node main.js } }
`);
    write('api/public/a.css');
    write('api/main.js');
    write('api/conf/generated/x.json');
    write('lib/readme.txt');
    await afterwards('api/inner/main.js', 'restart inner');
    expect(seen).toEqual(['restart inner']);
    await afterwards('api/conf/a.json', 'restart api');
    await afterwards('api/package.json', 'install api');
    expect(seen).toEqual(['restart inner', 'restart api', 'install api']);
    seen = [];
    // camp is the watcher that plain sync counts on: node reads its code once
    await afterwards('lib/x.js', 'restart api');
  });

  test('a folder that is removed and made again is still followed', async () => {
    write('api/src/a.js');
    follow('x-camp: native\nservices:\n  api: { build: ./api, x-camp: { run: node src/a.js } }\n');
    rmSync(join(dir, 'api/src'), { recursive: true });
    await has('restart api');
    write('api/src/a.js');
    await eventually('it is seen', () => seen.length >= 2);
    // let the events of its making pass: only then can the next one be told from them
    let before = -1;
    await eventually('it is quiet', async () => {
      const isQuiet = before === seen.length;
      before = seen.length;
      return isQuiet;
    });
    write('api/src/a.js');
    await eventually('the next change is seen, too', () => seen.length > before);
  });
});
