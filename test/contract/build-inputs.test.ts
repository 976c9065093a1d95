import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type BuildDefinition, buildInputs, fingerprintOf } from '../../src/runtime/docker/build-inputs.ts';
import { requireImages } from '../rig/images.ts';
import { seed } from '../rig/seed.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'camp-inputs-')));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
let dir = '';
beforeEach(() => {
  dir = join(root, String(count++));
});

function write(path: string, text = 'x'): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

const of = (more: Partial<BuildDefinition> = {}) => fingerprintOf({ context: dir, ...more });

describe('the fingerprint of a build', () => {
  beforeEach(() => {
    write('Dockerfile', 'FROM scratch\nCOPY . /\n');
    write('src/a.ts');
    write('node_modules/x/index.js');
    write('.dockerignore', 'node_modules\n');
  });

  const changes: readonly (readonly [string, () => void])[] = [
    ['a changed file', () => write('src/a.ts', 'other')],
    ['a new file', () => write('src/b.ts')],
    ['a file that is gone', () => rmSync(join(dir, 'src/a.ts'))],
    ['another name', () => renameSync(join(dir, 'src/a.ts'), join(dir, 'src/c.ts'))],
    ['another mode', () => chmodSync(join(dir, 'src/a.ts'), 0o755)],
    ['an empty folder', () => mkdirSync(join(dir, 'empty'))],
    ['a link', () => symlinkSync('src', join(dir, 'link'))],
    ['the Dockerfile', () => write('Dockerfile', 'FROM scratch\n')],
    ['.dockerignore', () => write('.dockerignore', 'node_modules\n# more\n')],
    ['what is ignored no more', () => write('.dockerignore', '\n')],
    ["the Dockerfile's own ignore file", () => write('Dockerfile.dockerignore', 'src\n')],
  ];
  test.each(changes)('%s changes it', (_, change) => {
    const before = of();
    expect(of()).toBe(before);
    change();
    expect(of()).toMatch(/^[0-9a-f]{16}$/);
    expect(of()).not.toBe(before);
  });

  test('the same size at the same time is still another file', () => {
    const before = of();
    const when = new Date(Date.now() - 60_000);
    utimesSync(join(dir, 'src/a.ts'), when, when);
    const aged = of();
    write('src/a.ts', 'y');
    utimesSync(join(dir, 'src/a.ts'), when, when);
    expect(new Set([before, aged, of()]).size).toBe(3);
  });

  test('what Docker is not sent does not change it, however it changes', () => {
    const before = of();
    write('node_modules/x/index.js', 'other');
    write('node_modules/y/index.js');
    expect(of()).toBe(before);
  });

  test('what camp writes while it runs does not change it', () => {
    const before = of();
    write('.camp/metrics.jsonl', '{}');
    write('.camp/logs/api.log');
    write('src/.camp/run/x');
    expect(of()).toBe(before);
  });

  test('an empty folder that the engine has made to mount something on does not change it, one with files does', () => {
    const mountPoints = [join(dir, 'src/cache')];
    const before = of({ mountPoints });
    mkdirSync(join(dir, 'src/cache'));
    expect(of({ mountPoints })).toBe(before);
    write('src/cache/a');
    expect(of({ mountPoints })).not.toBe(before);
  });

  test('what is said beside the context counts', () => {
    const said = [
      {},
      { inline: 'FROM scratch' },
      { inline: 'FROM busybox' },
      { dockerfile: 'Other' },
      { more: { args: { A: '1' } } },
      { more: { args: { A: '2' } } },
      { more: { target: 'dev' } },
      { contexts: { base: 'docker-image://busybox' } },
      { contexts: { base: join(dir, 'node_modules') } },
    ];
    const prints = said.map((more) => of(more));
    expect(new Set(prints).size).toBe(said.length);
    expect(said.map((more) => of(more))).toEqual(prints);
  });

  test('the files of an additional context count, those of a URL cannot', () => {
    const contexts = { deps: join(dir, 'node_modules') };
    const before = of({ contexts });
    write('node_modules/x/index.js', 'other');
    expect(of({ contexts })).not.toBe(before);
    const remote = fingerprintOf({ context: 'https://example.com/x.git#main' });
    expect(remote).toMatch(/^[0-9a-f]{16}$/);
    expect(fingerprintOf({ context: 'https://example.com/x.git#next' })).not.toBe(remote);
  });

  test('with an inline Dockerfile the one of the folder is a file like any other', () => {
    const before = of({ inline: 'FROM scratch' });
    write('Dockerfile', 'FROM scratch\nUSER 1\n');
    expect(of({ inline: 'FROM scratch' })).not.toBe(before);
  });

  test('a context that is too large has none, and says so', () => {
    for (let n = 0; n < 30; n++) write(`many/${n}`);
    expect(buildInputs({ context: dir }, { entries: 20 })).toBe('too-large');
    expect(fingerprintOf({ context: dir }, { entries: 20 })).toBeUndefined();
    expect(buildInputs({ context: dir }, { entries: 257, ms: -1 })).toBe('too-large');
    expect(fingerprintOf({ context: dir }, { entries: 100, ms: 60_000 })).toBeDefined();
  });

  test('a context that is not there has one, too: what comes there changes it', () => {
    const before = fingerprintOf({ context: join(dir, 'later') });
    mkdirSync(join(dir, 'later'));
    expect(fingerprintOf({ context: join(dir, 'later') })).not.toBe(before);
  });
});

const why = requireImages('what Docker sends to a build', []);

describe('what is sent, compared with Docker itself', () => {
  /** What of the folder a build has seen. */
  function seenByDocker(): readonly string[] {
    // the Dockerfile is handed over apart, so that a pattern may leave that name out too
    const args = ['buildx', 'build', '--quiet', '-f', '-', '-o', 'type=tar,dest=-', '.'];
    const tar = execFileSync('docker', args, { cwd: dir, input: 'FROM scratch\nCOPY . /ctx/\n' });
    const names: string[] = [];
    for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
      const text = (from: number, length: number) =>
        tar.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
      names.push(`${text(345, 155)}${text(0, 100)}`);
      at += 512 + 512 * Math.ceil(Number.parseInt(text(124, 12).trim() || '0', 8) / 512);
    }
    return names
      .filter((name) => name.startsWith('ctx/') && !name.endsWith('/'))
      .map((name) => name.slice(4))
      .sort();
  }

  function seenByCamp(): readonly string[] {
    const lines = buildInputs({ context: dir, inline: '-' }, { ms: 60_000 });
    if (typeof lines === 'string') throw new Error(lines);
    return lines.flatMap((line) => /^(\S+) 10\d{4} /.exec(line)?.[1] ?? []).sort();
  }

  const tree = ['a', 'b/a', 'b/c/a', 'b/c/x.md', 'c/x.md', 'x.md', 'README.md', '.env', 'b/.env', 'ab', 'c/ab/z'];
  const fixed = [
    'b\n!b/c/x.md\n',
    '*\n!b\nb/c\n',
    '**/*.md\n!README.md\n',
    '*/a\n!b\n',
    '**\n!**/z\n',
    'b/**\n',
    '.dockerignore\n*\n!.env\n',
    '# none\n/a\n./x.md\nb/../c\n',
    '[a-b]\n!ab\n?\n',
    '**b\n',
    '*/c\n!b\n',
    'c/**/z\n\\.env\n\\w\n',
  ];

  test.skipIf(why !== undefined)('hand-picked ignore files', () => {
    for (const path of tree) write(path);
    for (const text of fixed) {
      write('.dockerignore', text);
      expect(seenByCamp(), text).toEqual(seenByDocker());
    }
  });

  test.skipIf(why !== undefined)('any ignore file', () => {
    for (const path of tree) write(path);
    const name = fc.constantFrom(
      'a',
      'b',
      'c',
      'ab',
      'z',
      '*',
      '**',
      '?',
      'a*',
      '*b',
      '*.md',
      '.env',
      '[ab]',
      '..',
      '.',
    );
    const line = fc
      .tuple(
        fc.constantFrom('', '', '!', '/', ' '),
        fc.array(name, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', '', '/'),
      )
      .map(([before, names, after]) => `${before}${names.join('/')}${after}`);
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), (lines) => {
        write('.dockerignore', `${lines.join('\n')}\n`);
        expect(seenByCamp()).toEqual(seenByDocker());
      }),
      { seed, numRuns: Number(process.env['CAMP_RUNS'] ?? 25), endOnFailure: true },
    );
  });
});

test('the ignore file that counts is read from the disk as it is', () => {
  write('.dockerignore', '\uFEFFa\n');
  write('a');
  expect(readFileSync(join(dir, '.dockerignore'), 'utf8')).toContain('\uFEFF');
  const before = of({ inline: 'x' });
  write('a', 'other');
  expect(of({ inline: 'x' })).toBe(before);
});
