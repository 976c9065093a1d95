import { describe, expect, test } from 'vitest';
import type { Start, WatchRule } from '../../project/types.ts';
import { reactionOf, reactionToAny } from './process.ts';
import { changesFor } from './reactions.ts';
import { type Rules, rulesFor } from './rules.ts';

const none = (): undefined => undefined;
const rule = (action: WatchRule['action'], path: string, more: Partial<WatchRule> = {}): WatchRule => ({
  path,
  action,
  ignore: [],
  isInitialSync: false,
  ...more,
});
const rules = (watch: readonly WatchRule[], files: Readonly<Record<string, string>> = {}): Rules =>
  rulesFor({ name: 'api', build: { context: '/p/api' }, watch }, (path) => files[path]);
const words = (watched: readonly Rules[], ...paths: string[]): readonly string[] =>
  changesFor(watched, paths).map((reaction) => {
    switch (reaction.kind) {
      case 'sync':
        return `${reaction.service} sync ${reaction.changes.map(({ path, target }) => `${path}>${target}`).join(' ')}`;
      case 'exec':
        return `${reaction.service} exec ${reaction.rule.path}`;
      default:
        return `${reaction.service} ${reaction.kind} ${reaction.paths.join(' ')}`;
    }
  });

describe('what a changed path means for containers', () => {
  test('a path below the rule goes to the same place below the target', () => {
    const api = rules([rule('sync', '/p/api/src', { target: '/app/src' })]);
    expect(words([api], '/p/api/src/a/b.ts')).toEqual(['api sync /p/api/src/a/b.ts>/app/src/a/b.ts']);
    expect(words([api], '/p/api/srcs/b.ts', '/p/api/package.json')).toEqual([]);
  });

  test('a rule for one file copies it to its target', () => {
    const api = rules([rule('sync', '/p/api/a.json', { target: '/etc/a.json' })]);
    expect(words([api], '/p/api/a.json')).toEqual(['api sync /p/api/a.json>/etc/a.json']);
  });

  test('all rules that a path falls under are carried out, in the order rebuild, sync, restart, exec', () => {
    const api = rules([
      rule('sync+exec', '/p/api/src', { target: '/run' }),
      rule('sync+restart', '/p/api/src', { target: '/app' }),
      rule('restart', '/p/api'),
      rule('rebuild', '/p/api/package.json'),
    ]);
    expect(words([api], '/p/api/src/x', '/p/api/package.json')).toEqual([
      'api rebuild /p/api/package.json',
      'api sync /p/api/src/x>/run/x /p/api/src/x>/app/x',
      'api restart /p/api/src/x /p/api/package.json',
      'api exec /p/api/src',
    ]);
  });

  test('many changes of one rule are one reaction, and what is built anew is not restarted besides', () => {
    const api = rules([rule('rebuild', '/p/api/src'), rule('restart', '/p/api/src')]);
    expect(words([api], '/p/api/src/a', '/p/api/src/b')).toEqual(['api rebuild /p/api/src/a /p/api/src/b']);
  });

  test('each service by its own rules; all rebuilds before all syncs', () => {
    const web = rulesFor({ name: 'web', watch: [rule('sync', '/p/shared', { target: '/s' })] }, none);
    const api = rules([rule('rebuild', '/p/shared')]);
    expect(words([web, api], '/p/shared/x')).toEqual(['api rebuild /p/shared/x', 'web sync /p/shared/x>/s/x']);
  });

  test('ignore and include are patterns below the path, and ignore wins', () => {
    const api = rules([
      rule('sync', '/p/api', {
        target: '/app',
        ignore: ['node_modules/', '**/*.test.ts', '/p/api/out'],
        include: ['src', '*.json', 'out', 'node_modules'],
      }),
    ]);
    const paths = ['src/a.ts', 'src/a.test.ts', 'a.json', 'a.md', 'deep/a.json', 'node_modules/a.json', 'out/x'];
    expect(paths.filter((path) => api.matches(`/p/api/${path}`).length > 0)).toEqual(['src/a.ts', 'a.json']);
  });

  test('.dockerignore counts too, and one that lists everything but exceptions does not forbid to sync', () => {
    const all = rule('sync', '/p/api', { target: '/app' });
    const of = (text: string) => rules([all], { '/p/api/.dockerignore': text });
    expect(words([of('*.md')], '/p/api/a.md')).toEqual([]);
    expect(words([of('*.md\n!a.md')], '/p/api/a.md')).toEqual(['api sync /p/api/a.md>/app/a.md']);
    expect(words([of('*\n!package.json')], '/p/api/src/a.ts')).toEqual(['api sync /p/api/src/a.ts>/app/src/a.ts']);
  });

  test('the repository and what editors leave for a moment are nobody’s', () => {
    const api = rules([rule('rebuild', '/p/api')]);
    for (const name of ['.git/index', 'sub/.git/x', 'a.ts~', '4913', '.#a', '.a.swp', '.idea/x', 'b___jb_tmp___'])
      expect(words([api], `/p/api/${name}`), name).toEqual([]);
  });

  test('a folder is not entered where no rule could mean anything in it', () => {
    const api = rules([
      rule('sync', '/p/api', { target: '/app', ignore: ['node_modules/', 'dist', '!dist/keep'] }),
      rule('rebuild', '/p/lib/x'),
    ]);
    const folders = ['/p/api/src', '/p/api/node_modules', '/p/api/dist', '/p/api/.git', '/p/lib', '/p/other'];
    expect(folders.filter((path) => api.ignoresFolder(path))).toEqual([
      '/p/api/node_modules',
      '/p/api/.git',
      '/p/other',
    ]);
  });
});

describe('what a changed path means for a process', () => {
  const start = (...argv: string[]): Start => ({
    kind: 'command',
    argv,
    cwd: '/p/api',
    language: 'node',
    why: 'test',
    path: [],
  });
  const node = start('node', 'src/main.ts');
  const vite = start('/p/api/node_modules/.bin/vite', '--port', '1');

  test('without rules every change restarts, and a manifest installs', () => {
    expect(reactionToAny(['/p/api/a.txt'])).toBe('restart');
    expect(reactionToAny(['/p/api/a.txt', '/p/api/package.json'])).toBe('install-and-restart');
    expect(reactionToAny(['/p/api/requirements-dev.txt'])).toBe('install-and-restart');
  });

  test.each([
    ['restart', '/p/api/src/a.ts', 'restart'],
    ['sync+restart', '/p/api/src/a.ts', 'restart'],
    ['rebuild', '/p/api/src/a.ts', 'restart'],
    ['rebuild', '/p/api/package.json', 'install-and-restart'],
    ['sync+exec', '/p/api/src/a.ts', 'restart'],
    ['rebuild', '/p/elsewhere/a.ts', 'none'],
    ['restart', '/p/api/out/a.ts', 'none'],
  ] as const)('%s of %s: %s', (action, path, expected) => {
    const api = rules([rule(action, '/p/api', { target: '/app', ignore: ['out'] })]);
    expect(reactionOf(api, [path], node)).toBe(expected);
  });

  test('plain sync restarts a program that reads its code once, and nothing else', () => {
    const api = rules([rule('sync', '/p/api', { target: '/app' })]);
    expect(reactionOf(api, ['/p/api/src/a.ts'], node)).toBe('restart');
    expect(reactionOf(api, ['/p/api/public/a.css'], node)).toBe('none');
    expect(reactionOf(api, ['/p/api/src/a.ts'], vite)).toBe('none');
    expect(reactionOf(api, ['/p/api/a.py'], start('uvicorn', 'main:app', '--reload'))).toBe('none');
    expect(reactionOf(api, ['/p/api/a.py'], start('/p/.venv/bin/python3', 'main.py'))).toBe('restart');
    expect(reactionOf(api, ['/p/api/a.py'], start('python3', 'manage.py', 'runserver'))).toBe('none');
    expect(reactionOf(api, ['/p/api/a.js'], start('sh', '-c', 'A=b exec node a.js'))).toBe('restart');
    expect(reactionOf(api, ['/p/api/a.js'], { kind: 'static', root: '/p/api', why: 'page' })).toBe('none');
  });
});
