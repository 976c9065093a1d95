import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addRoute, routeOf } from './caddyfile.ts';
import { addComposeService } from './compose.ts';
import { addComposeVolume, wireService } from './compose-wiring.ts';
import { parseRoute } from './route-path.ts';

const runs = { numRuns: 200 };
const word = fc.stringMatching(/^[a-m][a-z0-9]{0,6}$/);
const names = fc.uniqueArray(word, { minLength: 1, maxLength: 5 });
const lineEnd = fc.constantFrom('\n', '\r\n');
const gap = fc.constantFrom('', '# a comment { " with anything', '  # indented', '   ', '    # deeper: yes');
const addition = { name: 'orders', build: 'services/orders', dependsOn: ['z'] };
const route = { service: 'orders', port: 8080, domain: 'shop.localhost', at: { path: '/orders' } };

/** Compose files as people lay them out: any indentation, comments and blank lines anywhere, any last line. */
const composeText = fc
  .record({
    names,
    step: fc.integer({ min: 1, max: 6 }),
    gaps: fc.array(gap, { minLength: 8, maxLength: 8 }),
    lineEnd,
    tail: fc.boolean(),
    isOpen: fc.boolean(),
    bom: fc.boolean(),
  })
  .map(({ names, step, gaps, lineEnd, tail, isOpen, bom }) => {
    const pad = ' '.repeat(step);
    const services = names.flatMap((name, i) => [
      `${pad}${name}: # ${i}`,
      `${pad}${pad}image: "${name}:1"`,
      gaps[i] ?? '',
    ]);
    const lines = [
      'name: shop',
      gaps[6] ?? '',
      'services:',
      ...services,
      ...(tail ? [gaps[7] ?? '', 'volumes:', `${pad}data: {}`] : []),
    ];
    return (bom ? '\uFEFF' : '') + lines.join(lineEnd) + (isOpen ? '' : lineEnd);
  });

const caddyText = fc
  .record({
    names,
    indent: fc.constantFrom('\t', '  ', '    '),
    gaps: fc.array(gap, { minLength: 8, maxLength: 8 }),
    lineEnd,
    isOpen: fc.boolean(),
    globals: fc.boolean(),
  })
  .map(({ names, indent, gaps, lineEnd, isOpen, globals }) => {
    const body = names.flatMap((name, i) => [`${indent}reverse_proxy /${name}/* ${name}:80 # ${i}`, gaps[i] ?? '']);
    const lines = [
      ...(globals ? ['{', `${indent}debug`, '}'] : []),
      gaps[6] ?? '',
      '{$CAMP_DOMAIN:shop.localhost} {',
      ...body,
      `${indent}header X "} {"`,
      '}',
    ];
    return lines.join(lineEnd) + (isOpen ? '' : lineEnd);
  });

/** `longer` is `shorter` with one stretch put in. */
function isInsertion(shorter: string, longer: string): boolean {
  let begin = 0;
  while (begin < shorter.length && shorter[begin] === longer[begin]) begin++;
  return longer.endsWith(shorter.slice(begin)) && longer.length > shorter.length;
}

test('adding to a compose file keeps every byte, adds at most three lines, and adding again changes nothing', () => {
  fc.assert(
    fc.property(composeText, (text) => {
      const edit = addComposeService(text, addition);
      if (!('text' in edit)) throw new Error(JSON.stringify(edit));
      expect(isInsertion(text, edit.text)).toBe(true);
      expect(edit.text.split('\n').length - text.split('\n').length).toBe(3);
      expect(/[^\r]\n/.test(edit.text)).toBe(/[^\r]\n/.test(text));
      expect(addComposeService(edit.text, addition)).toEqual({ unchanged: true });
    }),
    runs,
  );
});

test('wiring a service and declaring a volume keep every byte, and change nothing the second time', () => {
  const wiring = {
    variable: 'DATABASE_URL',
    value: 'postgres://a:${B}@db:5432/a',
    on: 'db',
    condition: 'service_healthy',
  };
  fc.assert(
    fc.property(composeText, fc.nat(4), (text, n) => {
      const all = [...text.matchAll(/^ +([a-m][a-z0-9]*): # \d/gm)].map((match) => match[1] ?? '');
      const asked = { ...wiring, condition: 'service_healthy' as const, service: all[n % all.length] ?? '' };
      const wired = wireService(text, asked);
      if (!('text' in wired)) throw new Error(JSON.stringify(wired));
      expect(isInsertion(text, wired.text)).toBe(true);
      expect(wireService(wired.text, asked)).toEqual({ unchanged: true });
      const edit = addComposeVolume(wired.text, 'zz');
      if (!('text' in edit)) throw new Error(JSON.stringify(edit));
      expect(isInsertion(wired.text, edit.text)).toBe(true);
      expect(addComposeVolume(edit.text, 'zz')).toEqual({ unchanged: true });
    }),
    runs,
  );
});

test('adding to a Caddyfile keeps every byte, adds one line, and adding again changes nothing', () => {
  fc.assert(
    fc.property(caddyText, (text) => {
      const edit = addRoute(text, route);
      if (!('text' in edit)) throw new Error(JSON.stringify(edit));
      expect(isInsertion(text, edit.text)).toBe(true);
      expect(edit.text.split('\n').length - text.split('\n').length).toBe(1);
      expect(routeOf(edit.text, 'orders')).toBe('/orders');
      expect(addRoute(edit.text, route)).toEqual({ unchanged: true });
    }),
    runs,
  );
});

test('whatever the text, an edit either inserts or says why not, and never throws', () => {
  const noise = fc.oneof(
    fc.string(),
    fc
      .array(
        fc.constantFrom(
          'services:',
          '\n',
          '  ',
          'a',
          ':',
          '{',
          '}',
          '"',
          '#',
          '|',
          '- ',
          '&x',
          '*x',
          '\\',
          '`',
          '<<E',
          '{$X:y}',
          '\r\n',
          '[',
          ']',
        ),
        { maxLength: 30 },
      )
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(noise, (text) => {
      const compose = addComposeService(text, addition);
      if ('text' in compose) expect(addComposeService(compose.text, addition)).toEqual({ unchanged: true });
      const volume = addComposeVolume(text, 'zz');
      if ('text' in volume) expect(addComposeVolume(volume.text, 'zz')).toEqual({ unchanged: true });
      const caddy = addRoute(text, route);
      if ('text' in caddy) {
        expect(isInsertion(text, caddy.text) || text === '').toBe(true);
        expect(addRoute(caddy.text, route)).toEqual({ unchanged: true });
      }
    }),
    { numRuns: 1000 },
  );
});

test('a route that is accepted is a plain path', () => {
  fc.assert(
    fc.property(
      fc.string().map((rest) => `/${rest}`),
      (given) => {
        const route = parseRoute(given);
        if ('path' in route) expect(route.path).toMatch(/^\/$|^(\/[A-Za-z0-9._~-]+)+$/);
        else expect(route.problem.code).toBe('INVALID_ROUTE');
      },
    ),
    runs,
  );
});

test.each([
  ['/orders', '/orders'],
  ['/orders/', '/orders'],
  ['/orders/*', '/orders'],
  ['/', '/'],
  ['/*', '/'],
  ['/api/v1.2/orders', '/api/v1.2/orders'],
])('route %s is %s', (given, path) => expect(parseRoute(given)).toEqual({ path }));

test.each([
  'orders',
  '',
  '/a b',
  '/a"b',
  '/a{b',
  '/a\nb',
  '/../etc',
  '/a/../b',
  '/a//b',
  '/.',
  '/a*',
  '/é',
  '/a%2fb',
  '/a?b',
  '/a#b',
  '/$(x)',
  `/${'a'.repeat(300)}`,
])('route %j is refused with a suggestion', (given) => {
  const route = parseRoute(given);
  expect(route).toMatchObject({ problem: { fault: 'usage', code: 'INVALID_ROUTE' } });
  if ('problem' in route) expect(route.problem.hints[0]).toMatch(/^--route \//);
});
