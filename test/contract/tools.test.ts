import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CampError } from '../../src/kit/failure.ts';
import { fetchCaddy } from '../../src/tools/fetch-caddy.ts';
import { findCaddy } from '../../src/tools/find-caddy.ts';
import { type Release, releaseSource } from '../../src/tools/release.ts';
import { caddyRelease } from '../../src/tools/releases.ts';
import type { Source } from '../../src/tools/source.ts';
import { sourcesOf } from '../../src/tools/sources.ts';
import { toolReport } from '../../src/tools/tool-report.ts';
import type { FetchContext, ToolName } from '../../src/tools/types.ts';
import { isAtLeast } from '../../src/tools/version.ts';
import { caddy } from './edge-rig.ts';
import { serve, tarOf } from './tools-rig.ts';

let folder: string;
let context: FetchContext;
let notes: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'camp-tools-'));
  mkdirSync(join(folder, 'bin'));
  notes = [];
  context = {
    folders: { data: join(folder, 'data'), state: join(folder, 'state'), cache: join(folder, 'cache') },
    env: { PATH: join(folder, 'bin') },
    signal: new AbortController().signal,
    emit: (event) => void (event.type === 'note' && notes.push(event.message)),
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const find = () => findCaddy(context.folders, context.env);
const toolFiles = (): string[] =>
  existsSync(join(folder, 'cache/tools')) ? readdirSync(join(folder, 'cache/tools')).sort() : [];

/** A script that is a Caddy as far as `caddy version` goes, and counts how often it was asked. */
function script(path: string, version: string): void {
  writeFileSync(path, `#!/bin/sh\necho x >> '${folder}/asked'\necho ${version}\n# ${' '.repeat(64)}\n`);
  chmodSync(path, 0o755);
}
const timesAsked = (): number =>
  existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8').length / 2 : 0;

test('with none anywhere, every place is named', () => {
  expect(find()).toEqual({
    attempts: [
      { origin: 'path', outcome: 'no caddy on PATH', isUsable: false },
      { origin: 'cache', outcome: `none in the tool cache (${context.folders.cache})`, isUsable: false },
    ],
  });
  expect(toolReport('caddy', {}, context.folders, context.env).isUsable).toBe(false);
});

test('one on PATH that is too old is passed over, a newer one later on PATH is taken', () => {
  mkdirSync(join(folder, 'bin2'));
  script(join(folder, 'bin/caddy'), '2.6.2');
  script(join(folder, 'bin2/caddy'), 'v2.12.0 h1:x');
  const { tool, attempts } = findCaddy(context.folders, { PATH: `${folder}/bin:relative:${folder}/bin2` });
  expect(tool).toEqual({
    name: 'caddy',
    path: join(folder, 'bin2/caddy'),
    bin: join(folder, 'bin2'),
    version: '2.12.0',
    origin: 'path',
  });
  expect(attempts[0]?.outcome).toBe(`${folder}/bin/caddy is 2.6.2, older than 2.11.4`);
  expect(toolReport('caddy', {}, context.folders, { PATH: `${folder}/bin2` }).summary).toContain('2.12.0 from PATH');
});

test('an accepted one is asked once, and again when the file has changed', () => {
  const path = join(folder, 'bin/caddy');
  script(path, '2.11.4');
  for (let i = 0; i < 3; i++) expect(find().tool?.version).toBe('2.11.4');
  expect(timesAsked()).toBe(1);
  script(path, '2.13.0');
  utimesSync(path, new Date(), new Date(Date.now() + 5000));
  expect(find().tool?.version).toBe('2.13.0');
  expect(timesAsked()).toBe(2);
  for (const garbage of ['', 'garbage', '[]', '{"x":1}', 'null']) {
    writeFileSync(join(folder, 'cache/tools/seen.json'), garbage);
    expect(find().tool?.version).toBe('2.13.0');
  }
});

test.each([
  ['empty', Buffer.alloc(0), 'truncated'],
  ['not a program', Buffer.alloc(200, 'x'), 'not a program of this system'],
])('a file that is %s is not run', (_, content, reason) => {
  writeFileSync(join(folder, 'bin/caddy'), content, { mode: 0o755 });
  expect(find().tool).toBeUndefined();
  expect(find().attempts[0]?.outcome).toContain(reason);
});

describe.skipIf(caddy === undefined || process.platform !== 'linux')('with a real program', () => {
  test('a truncated copy, and one for another processor, are not run', () => {
    const path = join(folder, 'bin/caddy');
    copyFileSync(caddy ?? '', path);
    chmodSync(path, 0o755);
    expect(find().tool?.path).toBe(path);
    truncateSync(path, 20_000_000);
    expect(find().attempts[0]?.outcome).toContain('truncated');
    copyFileSync(caddy ?? '', path);
    const other = readFileSync(path);
    other.writeUInt16LE(243, 18); // EM_RISCV
    writeFileSync(path, other);
    expect(find().attempts[0]?.outcome).toContain('for another processor');
  });

  test('a fetched one is found in the cache; one that was changed afterwards is not run', async () => {
    const tool = await fetchCaddy(context, [copying('apt')]);
    expect(tool).toMatchObject({ origin: 'apt', path: join(folder, 'cache/tools/caddy-2.11.4/caddy') });
    expect((statSync(tool.path).mode & 0o777).toString(8)).toBe('755');
    expect(find().tool).toMatchObject({ origin: 'cache', path: tool.path });
    expect(toolFiles()).toEqual(['caddy-2.11.4', 'seen.json']);
    const changed = readFileSync(tool.path);
    changed[changed.length - 10] = (changed[changed.length - 10] ?? 0) ^ 1;
    writeFileSync(tool.path, changed);
    utimesSync(tool.path, new Date(), new Date(Date.now() + 5000));
    expect(find().attempts[1]?.outcome).toContain('not the file that was fetched');
    expect(await fetchCaddy(context, [copying('apt')])).toMatchObject({ path: tool.path });
    expect(find().tool?.path).toBe(tool.path);
  });

  test('two at once fetch once', async () => {
    let fetched = 0;
    const source = {
      ...copying('apt'),
      fetch: (to: string, ctx: FetchContext) => (fetched++, copying('apt').fetch(to, ctx)),
    };
    const tools = await Promise.all([fetchCaddy(context, [source]), fetchCaddy(context, [source])]);
    expect(fetched).toBe(1);
    expect(tools[0]?.path).toBe(tools[1]?.path);
  });

  test('a release is verified by its checksum; the first source that works wins', async () => {
    const archive = gzipSync(tarOf({ caddy: readFileSync(caddy ?? '') }), { level: 1 });
    await using server = await serve({ [caddyRelease.archiveName(process.platform, process.arch)]: archive });
    const pins: Release = {
      ...caddyRelease,
      baseUrl: `${server.url}/moved`,
      checksums: { [`${process.platform}-${process.arch}`]: createHash('sha512').update(archive).digest('hex') },
    };
    const wrong = { ...pins, checksums: { [`${process.platform}-${process.arch}`]: '0'.repeat(128) } };
    expect(await fetchCaddy(context, [releaseSource(wrong), releaseSource(pins), failing])).toMatchObject({
      origin: 'release',
      version: '2.11.4',
    });
    expect(notes.some((note) => note.includes('the checksum does not match'))).toBe(true);
    expect(toolFiles()).toEqual(['caddy-2.11.4', 'seen.json']);
  });
});

test('when nothing works, every attempt is told, and nothing is left', async () => {
  await using server = await serve({ 'half.tar.gz': Buffer.from('x') });
  const pins: Release = {
    ...caddyRelease,
    baseUrl: server.url,
    checksums: { [`${process.platform}-${process.arch}`]: '0'.repeat(128) },
  };
  const error: unknown = await fetchCaddy(context, [releaseSource(pins), failing, writingGarbage]).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CampError);
  const [failure] = (error as CampError).failures;
  expect(failure).toMatchObject({ fault: 'machine', code: 'NO_CADDY' });
  expect((error as CampError).exitCode).toBe(4);
  expect(failure?.evidence).toHaveLength(5);
  expect(failure?.evidence?.join('\n')).toMatch(
    /no caddy on PATH[^]*tool cache[^]*answered 404[^]*this system has no such thing[^]*not a program/,
  );
  expect(toolFiles()).toEqual([]);
});

test('an interrupt leaves nothing', async () => {
  const controller = new AbortController();
  const hanging: Source = {
    origin: 'release',
    name: 'a slow one',
    fetch: (to, { signal }) =>
      new Promise((_, reject) => {
        writeFileSync(join(to, 'half'), 'x');
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        controller.abort(new Error('interrupted'));
      }),
  };
  await expect(fetchCaddy({ ...context, signal: controller.signal }, [hanging, failing])).rejects.toThrow(
    'interrupted',
  );
  expect(toolFiles()).toEqual([]);
});

test.skipIf(!existsSync('/usr/bin/apt-get'))(
  'apt gives a signed one, without root and without touching the system',
  async () => {
    const before = readdirSync('/var/lib/apt/lists').length;
    const tool = await fetchCaddy({ ...context, env: { ...process.env, PATH: '/usr/bin:/bin' } }, apt('caddy'));
    expect(tool.origin).toBe('apt');
    expect(isAtLeast(tool.version)).toBe(true);
    expect(toolFiles()).toEqual([`caddy-${tool.version}`, 'seen.json']);
    expect(readdirSync('/var/lib/apt/lists').length).toBe(before);
  },
);

/** The system's package alone, of all ways to get a tool. */
function apt(name: ToolName, major?: number): readonly Source[] {
  return sourcesOf(name, major === undefined ? {} : { major }).filter((source) => source.origin === 'apt');
}

function copying(origin: Source['origin']): Source {
  return {
    origin,
    name: 'a copy',
    async fetch(to) {
      copyFileSync(caddy ?? '', join(to, 'caddy'));
      return join(to, 'caddy');
    },
  };
}

const failing: Source = {
  origin: 'brew',
  name: 'another',
  fetch: () => Promise.reject(new Error('this system has no such thing')),
};

const writingGarbage: Source = {
  origin: 'apt',
  name: 'a third',
  async fetch(to) {
    writeFileSync(join(to, 'caddy'), 'x'.repeat(100));
    return join(to, 'caddy');
  },
};
