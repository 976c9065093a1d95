import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commands, groups } from '../src/commands/index.ts';
import { describeCommands } from '../src/commands/manifest.ts';

const root = resolve(import.meta.dirname, '..');

describe('docs/errors.md', () => {
  const documented = [...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^\| `([A-Z_]+)` *\|/gm)].map(
    (match) => match[1] ?? '',
  );
  const used = codesInSource();

  test('has every code that is used', () => {
    expect([...used].filter((code) => !documented.includes(code))).toEqual([]);
  });

  test('has no code that nobody uses', () => {
    expect(documented.filter((code) => !used.has(code))).toEqual([]);
  });

  test('has every code once under its fault, in alphabetical order', () => {
    const sections = readFileSync(join(root, 'docs/errors.md'), 'utf8').split(/^## /m).slice(1);
    for (const section of sections) {
      const codes = [...section.matchAll(/^\| `([A-Z_]+)` *\|/gm)].map((match) => match[1]);
      expect(codes).toEqual([...new Set(codes)].sort());
    }
  });
});

describe('commands', () => {
  test('each is in the root help, each has a summary and two examples, each flag its words', async () => {
    const shown = groups.flatMap(([, ids]) => ids);
    expect(Object.keys(commands).filter((id) => !shown.includes(id))).toEqual([]);
    for (const command of await describeCommands()) {
      expect(command.summary, command.id).toMatch(/^[a-z]/);
      expect(command.examples?.length, command.id).toBeGreaterThanOrEqual(2);
      for (const [name, flag] of Object.entries(command.flags))
        expect(flag.description, `${command.id} --${name}`).toBeTruthy();
    }
  });

  test('what camp run runs stands behind two dashes, also in its help', async () => {
    const run = (await describeCommands()).find(({ id }) => id === 'run');
    expect(run?.usage).toBe('run SERVICE -- COMMAND...');
  });
});

/** Tables of the variables that other programs are told their port, user or password by. */
const variableTables: ReadonlySet<string> = new Set([
  'project/http-port.ts',
  'runtime/native/servers/variables.ts',
  'runtime/wiring/backing.ts',
  'runtime/wiring/url.ts',
  'scaffold/backing.ts',
  'scaffold/secrets.ts',
]);

/** Upper-case words in quotes that are not names of environment variables. */
function codesInSource(): ReadonlySet<string> {
  const src = join(root, 'src');
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !variableTables.has(file),
  );
  const text = files.map((file) => readFileSync(join(src, file), 'utf8')).join('\n');
  const variables = new Set(
    [...text.matchAll(/(?:env|own|environment)\??\.?\[?'?([A-Z_]+)'?\]?/g)].map((match) => match[1]),
  );
  const words = [...text.matchAll(/'([A-Z]+(?:_[A-Z]+)+|BUG|LOCKED)'/g)].map((match) => match[1] ?? '');
  return new Set(words.filter((word) => !variables.has(word) && !isForeign(word)));
}

/** Codes of the YAML library, and variables that are only named in tables. */
const foreign: ReadonlySet<string> = new Set([
  'UNEXPECTED_TOKEN',
  'BAD_INDENT',
  'COMPOSE_PROJECT_NAME',
  'COMPOSE_PROFILES',
  'COMPOSE_FILE',
  'COMPOSE_PATH_SEPARATOR',
  'COMPOSE_ENV_FILES',
  'COMPOSE_DISABLE_ENV_FILE',
  'NO_COLOR',
  'NO_PROXY',
]);

function isForeign(word: string): boolean {
  return (
    foreign.has(word) ||
    /^(CAMP|XDG|LC|SSL|NODE|FORCE|CLICOLOR|WSL|WAYLAND|REQUESTS|GIT|CURL|PIP|DENO|AWS|CARGO|ERR)_/.test(word)
  );
}
