import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addRoute } from './caddyfile.ts';
import { addComposeService } from './compose.ts';
import type { Edit } from './edit.ts';

/**
 * One file, one edit: `compose NAME BUILD [NEEDS]` or `caddy SERVICE /PATH|host:NAME`, the text before and
 * the text after, between rows of dashes. A visible CR, BOM and END stand for what an editor hides.
 */
const folder = new URL('../../../test/cases/scaffold/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.case'));

test.each(files)('%s', (name) => {
  const [command = '', before = '', expected = ''] = readFileSync(new URL(name, folder), 'utf8').split(/^-{10}\n/m);
  const text = hidden(before);
  const edit = run(command, text);
  expect(shown(edit)).toBe(hidden(expected));
  if ('text' in edit) expect(run(command, edit.text), 'the second time').toEqual({ unchanged: true });
});

test('there are cases', () => expect(files.length).toBeGreaterThan(40));

function run(command: string, text: string): Edit {
  const [what, name = '', where = '', needs] = command.trim().split(' ');
  if (what === 'compose')
    return addComposeService(text, { name, build: where, dependsOn: needs ? needs.split(',') : [] });
  const at = where.startsWith('host:') ? { host: where.slice(5) } : { path: where };
  return addRoute(text, { service: name, port: 8080, domain: 'shop.localhost', at });
}

function shown(edit: Edit): string {
  if ('text' in edit) return edit.text;
  if ('unchanged' in edit) return 'unchanged\n';
  const { code, message, source, hints } = edit.problem;
  return `${code} ${source?.file}:${source?.line}:${source?.col} ${message} | ${source?.text}\n  ${hints.join('; ')}\n`;
}

function hidden(text: string): string {
  return text.replaceAll('␍', '\r').replaceAll('␂', '\uFEFF').replace(/␄\n$/, '');
}
