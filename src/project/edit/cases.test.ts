import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addRoute } from './caddyfile.ts';
import { addComposeService } from './compose.ts';
import { addComposeVolume, type Wiring, wireService } from './compose-wiring.ts';
import type { Edit } from './edit.ts';

/**
 * One file, one edit: `compose NAME BUILD [NEEDS]`, `caddy SERVICE /PATH|host:NAME`, `wire SERVICE KIND:ON`
 * (postgres: with a password and a condition) or `volume NAME`, the text before and the text after, between rows of dashes. A visible CR, BOM and END stand for what an editor hides.
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
  if (what === 'wire') {
    const [kind = '', on = ''] = where.split(':');
    return wireService(text, wirings[kind as 'nats']?.(name, on) as Wiring);
  }
  if (what === 'volume') return addComposeVolume(text, name);
  const at = where.startsWith('host:') ? { host: where.slice(5) } : { path: where };
  return addRoute(text, { service: name, port: 8080, domain: 'shop.localhost', at });
}

const wirings = {
  nats: (service: string, on: string): Wiring => ({
    ...{ service, on, variable: 'NATS_URL', value: `nats://${on}:4222`, condition: 'service_started' },
  }),
  postgres: (service: string, on: string): Wiring => ({
    ...{ service, on, variable: 'DATABASE_URL', condition: 'service_healthy' },
    value: `postgres://${service}:\${X_PASSWORD}@${on}:5432/${service}`,
  }),
};

function shown(edit: Edit): string {
  if ('text' in edit) return edit.text;
  if ('unchanged' in edit) return 'unchanged\n';
  const { code, message, source, hints } = edit.problem;
  return `${code} ${source?.file}:${source?.line}:${source?.col} ${message} | ${source?.text}\n  ${hints.join('; ')}\n`;
}

function hidden(text: string): string {
  return text.replaceAll('␍', '\r').replaceAll('␂', '\uFEFF').replace(/␄\n$/, '');
}
