import { expect, test } from 'vitest';
import { growTree } from '../../tree.ts';
import { composeShape, type Shape } from '../shape.ts';
import { buildFields } from './build.ts';
import { canonicalModel, composeJson } from './canonical.ts';
import { deployFields } from './deploy.ts';
import { requestFields } from './device-requests.ts';
import { ruleFields } from './hooks.ts';
import { deviceFields, fileFields, mountFields } from './mounts.ts';
import { durationText, single } from './numbers.ts';
import { portFields } from './ports.ts';
import type { Fields } from './print.ts';
import { configFields, networkFields, secretFields, volumeFields } from './resources.ts';
import { serviceFields } from './service.ts';
import type { ModelContext } from './types.ts';

function shapeAt(path: string): Shape {
  let shape = composeShape;
  for (const key of path.split('.'))
    shape = (key === '*' ? shape.values : key === '[]' ? shape.items : shape.keys?.get(key)) as Shape;
  return shape;
}

// a key that only one of the two tables has would be refused, or dropped without a word
test.each<readonly [string, Fields]>([
  ['services.*', serviceFields],
  ['services.*.build', buildFields],
  ['services.*.deploy', deployFields],
  ['services.*.develop.watch.[]', ruleFields],
  ['services.*.devices.[]', deviceFields],
  ['services.*.gpus.[]', requestFields],
  ['services.*.ports.[]', portFields],
  ['services.*.secrets.[]', fileFields],
  ['services.*.volumes.[]', mountFields],
  ['networks.*', networkFields],
  ['volumes.*', volumeFields],
  ['secrets.*', secretFields],
  ['configs.*', configFields],
])('every key of %s has a printer', (path, fields) => {
  const keys = [...(shapeAt(path).keys?.keys() ?? [])].filter((key) => key !== 'x-camp');
  expect(Object.keys(fields).sort()).toEqual(keys.sort());
});

const context: ModelContext = {
  name: 'shop',
  dir: '/srv/shop',
  home: '/home/me',
  profiles: new Set(['p']),
  lookup: (name) => ({ CALLER: 'me' })[name],
  environment: () => ({}),
  labels: () => new Map([['from', 'file']]),
  realPath: (path) => path.replace('/link', '/real'),
};

const modelOf = (text: string, over: Partial<ModelContext> = {}) => {
  const [tree] = growTree({ name: 'compose.yaml', text }).trees;
  if (!tree) throw new Error('no tree');
  return canonicalModel(tree, { ...context, ...over });
};

test('what nobody wrote is filled in, what nobody uses is left out', () => {
  const model = modelOf(
    'services: {a: {image: x}, b: {image: y, profiles: [q]}}\nvolumes: {v: {}}\nx-own: {k: 0755}\n',
  );
  expect(model).toEqual({
    'x-own': { k: 493 },
    name: 'shop',
    services: { a: { image: 'x', command: null, entrypoint: null, networks: { default: null } } },
    networks: { default: { name: 'shop_default', ipam: {} } },
  });
});

test('paths are absolute, without links where Compose follows them', () => {
  const a = '{build: ., volumes: ["~/x:/x", "../y:/y/"], develop: {watch: [{path: link, action: rebuild}]}}';
  const { services } = modelOf(`services: {a: ${a}}\n`);
  const bind = { create_host_path: true };
  expect(services['a']).toMatchObject({
    build: { context: '/srv/shop', dockerfile: 'Dockerfile' },
    volumes: [
      { type: 'bind', source: '/home/me/x', target: '/x', bind },
      { type: 'bind', source: '/srv/y', target: '/y', bind },
    ],
    develop: { watch: [{ path: '/srv/shop/real', action: 'rebuild', exec: { command: null } }] },
  });
});

test('what comes from outside comes through the context', () => {
  const a = '{image: x, label_file: l, labels: [own=1], environment: [A, B], build: {args: [CALLER, NOBODY]}}';
  const { services } = modelOf(`services: {a: ${a}}\n`, { environment: () => ({ A: '1' }) });
  expect(services['a']).toMatchObject({
    labels: { from: 'file', own: '1' },
    environment: { A: '1', B: null },
    build: { args: { CALLER: 'me' } },
  });
});

test('a dollar is doubled in the text only', () => {
  const model = modelOf('services: {a: {image: x, hostname: "$x"}}\n');
  expect(model.services['a']?.['hostname']).toBe('$x');
  expect(composeJson(model)).toContain('"hostname": "$$x"');
});

test.each([
  [0, '0s'],
  [90_000, '1m30s'],
  [3_600_000, '1h0m0s'],
  [1500, '1.5s'],
  [250, '250ms'],
  [0.1, '100µs'],
  [0.000003, '3ns'],
  [172_800_000, '48h0m0s'],
  [-1000, '-1s'],
])('%d ms is %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test.each([0, 0.1, 0.25, 1.5, 100, 1e6, 0.333333])('%d stays itself in 32 bits', (value) => {
  expect(single(value)).toBe(value);
});

test('what an unset variable has left empty', () => {
  const { services } = modelOf(`services:
  a: {build: ""}
  b: {image: x, volumes: [{type: bind, source: "", target: /b}]}
`);
  expect(services['a']?.['build']).toEqual({ dockerfile: 'Dockerfile' });
  expect(services['b']?.['volumes']).toEqual([{ type: 'bind', source: '/srv/shop', target: '/b' }]);
});
