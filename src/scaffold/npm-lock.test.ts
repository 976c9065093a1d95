import { expect, test } from 'vitest';
import { closure, lockText, readLock } from './npm-lock.ts';

const entry = (version: string, dependencies?: Record<string, string>) => ({
  version,
  resolved: `https://registry.npmjs.org/x/-/x-${version}.tgz`,
  integrity: 'sha512-x',
  ...(dependencies ? { dependencies } : {}),
});
const known = {
  'node_modules/pg': entry('8.0.0', { 'pg-pool': '*', xtend: '^4' }),
  'node_modules/pg-pool': entry('3.0.0'),
  'node_modules/pg/node_modules/xtend': entry('4.0.0', { 'pg-pool': '*' }),
  'node_modules/xtend': entry('5.0.0'),
  'node_modules/other': entry('1.0.0'),
};
const member = (name: string, dependencies: Record<string, string>) => ({
  path: `services/${name}`,
  manifest: { name, version: '0.0.0', private: true, dependencies, scripts: { test: 'x' } },
});
const root = { name: 'shop', version: '0.0.0', workspaces: ['services/*'] };

test('what is needed through others is locked, from where Node would take it, and nothing else', () => {
  const found = closure([member('orders', { pg: '*', web: '*' }), member('web', {})], known);
  expect(Object.keys(found).sort()).toEqual([
    'node_modules/pg',
    'node_modules/pg-pool',
    'node_modules/pg/node_modules/xtend',
  ]);
});

test('a lockfile that is read and written again is the same text', () => {
  const members = [member('orders', { pg: '*' }), member('web', {})];
  const text = lockText({ root, members, external: closure(members, known) });
  const parts = readLock(text);
  if (!parts) throw new Error('not read');
  expect(lockText(parts)).toBe(text);
  expect(parts.members.map(({ path }) => path)).toEqual(['services/orders', 'services/web']);
  expect(JSON.parse(text).packages['services/orders']).toEqual({ version: '0.0.0', dependencies: { pg: '*' } });
});

test('a package that is called otherwise than its folder is linked by its name', () => {
  const kit = { path: 'packages/kit', manifest: { name: '@shop/kit', version: '0.0.0' } };
  const { packages } = JSON.parse(lockText({ root, members: [kit], external: {} }));
  expect(packages['node_modules/@shop/kit']).toEqual({ resolved: 'packages/kit', link: true });
  expect(packages['packages/kit']).toEqual({ name: '@shop/kit', version: '0.0.0' });
  expect(readLock(lockText({ root, members: [kit], external: {} }))?.members[0]?.manifest['name']).toBe('@shop/kit');
});

test.each(['', '[]', '{}', '{"packages": 1}', 'nonsense'])('%j is no lockfile', (text) => {
  expect(readLock(text)).toBeUndefined();
});
