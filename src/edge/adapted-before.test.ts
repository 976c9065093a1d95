import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Adapted } from './adapt.ts';
import { rememberingAsk } from './adapted-before.ts';

let folder: string;
let asked: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'camp-adapted-'));
  asked = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const answer: Adapted = { config: { apps: {} }, warnings: ['a warning'] };

/** As the next camp would: with nothing but the file. */
function asking(env: Record<string, string> = {}, said: Adapted | string = answer): (text: string) => Promise<unknown> {
  const ask = async (text: string): Promise<Adapted | string> => {
    asked.push(text);
    return said;
  };
  return rememberingAsk(ask, join(folder, 'state', 'adapted.json'), { caddy: process.execPath, env });
}

it('asks for the same text once', async () => {
  expect(await asking()('a.localhost')).toEqual(answer);
  expect(await asking({ OTHER: '1' })('a.localhost')).toEqual(answer);
  expect(asked).toEqual(['a.localhost']);
  await asking()('b.localhost');
  expect(asked).toEqual(['a.localhost', 'b.localhost']);
});

it('asks again when a value that the text names is another', async () => {
  await asking({ PORT: '1' })('{$PORT:80} {$HOST}');
  await asking({ PORT: '2' })('{$PORT:80} {$HOST}');
  await asking({ PORT: '2', HOST: 'a' })('{$PORT:80} {$HOST}');
  expect(asked).toHaveLength(3);
});

it('asks each time for a text that draws in files, and for one that is refused', async () => {
  await asking()('import sites/*');
  await asking()('import sites/*');
  await asking({}, 'Error: no')('wrong {');
  await asking({}, 'Error: no')('wrong {');
  expect(asked).toHaveLength(4);
});

it('asks again when what it remembers is spoilt', async () => {
  await asking()('a.localhost');
  writeFileSync(join(folder, 'state', 'adapted.json'), '{"key":');
  expect(await asking()('a.localhost')).toEqual(answer);
  expect(asked).toHaveLength(2);
});
