import fc, { type Arbitrary } from 'fast-check';
import { composeShape, type Format, type ScalarType, type Shape } from '../../src/project/compose/shape.ts';

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** The shape at a path of keys; `*` stands for a name that the author chose, `[]` for an item. */
export function shapeAt(path: string): Shape {
  let shape = composeShape;
  for (const key of path.split('.')) {
    const next = key === '*' ? shape.values : key === '[]' ? shape.items : shape.keys?.get(key);
    if (!next) throw new Error(`the table of shapes has nothing at ${path}`);
    shape = next;
  }
  return shape;
}

/** Values that Compose takes at a path, in every form that the table of shapes has for it. */
export function valuesAt(path: string, shape: Shape = shapeAt(path)): Arbitrary<Value> {
  const own = known.find(([pattern]) => pattern.test(path));
  if (own) return own[1];
  return fc.oneof(...scalars(shape), ...lists(shape, path), ...tables(shape, path));
}

function scalars({ scalar = [], words, format, range }: Shape): readonly Arbitrary<Value>[] {
  if (words) return [fc.constantFrom(...words)];
  const numbers = range ? [Math.max(0, range[0]), 7, Math.min(range[1], 50)] : [0, 1, 7, 64];
  return scalar.map((type) => ofType(type, format, numbers));
}

function ofType(type: ScalarType, format: Format | undefined, numbers: readonly number[]): Arbitrary<Value> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.constantFrom(...numbers);
    case 'number':
      return fc.constantFrom(...numbers, 1.5, 0.1, 1e6, 123456.789);
    case 'string':
      return fc.constantFrom(...(format ? texts[format](numbers) : ['x', 'two words', 'a$$b', 'A=1', '<&>', 'ü']));
  }
}

const texts: Readonly<Record<Format, (numbers: readonly number[]) => readonly string[]>> = {
  duration: () => ['10s', '1m30s', '0', '1h', '1.5h', '250ms', '2d', '90s', '100us', '0s', '1w', '3ns'],
  bytes: () => ['0', '1024', '64k', '1.5g', '2GB', '3MiB', '50M', '10 mb', '1b'],
  command: () => ['npm run dev', 'sh -c "a b"', "it 'is so'", 'a\\ b', '', 'a && b', 'x > y', 'echo $$(date) z'],
  flag: () => ['true', 'false', 'yes', 'off', 'ON', 'n'],
  integer: (numbers) => numbers.map(String),
  number: () => ['0', '0.5', '2', '.25', '1e2'],
  octal: () => ['0440', '755', '0'],
  mount: () => ['vol1:/a', './x:/b:ro', '/abs/:/c:z,rshared', '/d', 'vol2:/e/:nocopy', '../up:/f', '.:/g', '/h:/h:rw'],
  device: () => ['/dev/a', '/dev/b:/dev/c', '/dev/d:/dev/e:rw'],
  host: () => ['a=1.2.3.4', 'b:5.6.7.8', 'c=[::1]', 'd=::1', 'e:host-gateway', 'a=9.9.9.9,8.8.8.8'],
  pair: () => ['a=b', 'c=./d', 'e='],
  variable: () => ['A=1', 'B=', 'C', 'D=a=b', 'CALLER', 'E=$$x', "F='q'"],
  'ssh-key': () => ['default'],
  count: () => ['all', '1', '0'],
};

function lists({ items, isUnique }: Shape, path: string): readonly Arbitrary<Value>[] {
  if (!items) return [];
  const item = valuesAt(`${path}.[]`, items);
  const some = isUnique
    ? fc.uniqueArray(item, { maxLength: 3, selector: (value) => JSON.stringify(value) })
    : fc.array(item, { maxLength: 3 });
  return [some];
}

function tables({ keys, values, required = [], isClosed }: Shape, path: string): readonly Arbitrary<Value>[] {
  const forms: Arbitrary<Value>[] = [];
  if (values) forms.push(mapOf(['A', 'b.c', 'CALLER', 'd-e_f'], valuesAt(`${path}.*`, values)));
  if (keys) {
    const inner = [...keys].map(([key, shape]) => [key, valuesAt(`${path}.${key}`, shape)] as const);
    const note = isClosed ? [] : [['x-note', fc.constant({ kept: false })] as const];
    forms.push(fc.record(Object.fromEntries([...inner, ...note]), { requiredKeys: [...required] }) as Arbitrary<Value>);
  }
  return forms;
}

function one(...all: readonly Value[]): Arbitrary<Value> {
  return fc.constantFrom(...all);
}
function some(...all: readonly Value[]): Arbitrary<Value> {
  return fc.uniqueArray(fc.constantFrom(...all), { maxLength: 3, selector: (value) => JSON.stringify(value) });
}
function mapOf(names: readonly string[], values: Arbitrary<Value>): Arbitrary<Value> {
  return fc.dictionary(fc.constantFrom(...names), values, { maxKeys: 3 });
}
function files(...names: readonly string[]): Arbitrary<Value> {
  const source = one(...names);
  const rest = { target: one('/t1', 't2'), uid: one('103'), gid: one('0'), mode: one('0440', 288, '0') };
  return fc.array(fc.oneof(source, fc.record({ source, ...rest }, { requiredKeys: ['source'] }) as Arbitrary<Value>), {
    maxLength: 3,
  });
}
function record(
  required: Readonly<Record<string, Arbitrary<Value>>>,
  rest: Readonly<Record<string, Arbitrary<Value>>>,
) {
  return fc.record({ ...required, ...rest }, { requiredKeys: Object.keys(required) }) as Arbitrary<Value>;
}

const patterns = fc.oneof(one('x'), some('a', '**/b'));
const mountTarget = one('/m1', '/m2/', '/m3');

/** Where a value has to fit to something else in the file, or Compose knows more than the table says. */
const known: readonly (readonly [RegExp, Arbitrary<Value>])[] = [
  [/^services\.\*\.image$/, one('x', 'registry.example:5000/a/b:1@sha256:0', 'y:${TAG:-2}')],
  [/^services\.\*\.container_name$/, one('one_name')],
  [/^services\.\*\.network_mode$/, one('host', 'none', 'bridge', 'service:base', 'container:other')],
  [/^services\.\*\.(ipc|pid|uts)$/, one('host', 'service:base', 'shareable')],
  [/^services\.\*\.platform$/, one('linux/amd64')],
  [/\.build\.platforms$/, one(['linux/amd64'], ['linux/arm64', 'linux/amd64'])],
  [/^services\.\*\.pull_policy$/, one('always', 'never', 'if_not_present', 'missing', 'build', 'daily', 'every_12h')],
  [/^services\.\*\.profiles$/, some('p', 'q')],
  [
    /^services\.\*\.depends_on$/,
    fc.oneof(some('base', 'built'), mapOf(['base', 'built'], valuesAtLater('services.*.depends_on.*'))),
  ],
  [/^services\.\*\.links$/, some('base', 'base:alias')],
  [/^services\.\*\.volumes_from$/, some('base', 'built:ro', 'container:other')],
  [
    /^services\.\*\.env_file$/,
    fc.oneof(
      one('a.env'),
      some(
        'a.env',
        './b.env',
        { path: 'b.env' },
        { path: 'none.env', required: false },
        { path: 'raw.env', format: 'raw' },
      ),
    ),
  ],
  [/^services\.\*\.label_file$/, fc.oneof(one('a.labels'), some('a.labels', './b.labels'))],
  [/^services\.\*\.extends$/, fc.oneof(one('base'), one({ service: 'built' }))],
  [/^services\.\*\.secrets$|\.build\.secrets$/, files('secret1', 'secret2')],
  [/^services\.\*\.configs$/, files('config1', 'config2')],
  [/\.build\.dockerfile_inline$/, one('FROM x\nRUN echo $$A\n')],
  [
    /\.additional_contexts$/,
    fc.oneof(
      some('a=./b', 'c=docker-image://d'),
      mapOf(['r', 's'], one('/abs', 'rel', 'https://x/y.git', 'service:built')),
    ),
  ],
  [
    /^services\.\*\.ports\.\[\]$/,
    fc.oneof(
      one(
        80,
        '81',
        '8082:82',
        '127.0.0.1:8083:83',
        '84/udp',
        '8085-8087:85-87',
        '7000-7002:70',
        '[::1]:88:88',
        '127.0.0.1::89/TCP',
      ),
      record(
        { target: one(90, '91') },
        {
          published: one(9090, '9091', '9000-9010'),
          host_ip: one('127.0.0.1', '::1'),
          mode: one('host', 'ingress'),
          protocol: one('tcp', 'udp'),
          name: one('web'),
          app_protocol: one('http'),
        },
      ),
    ),
  ],
  [
    /^services\.\*\.volumes\.\[\]$/,
    fc.oneof(
      one(...texts.mount([])),
      record(
        { type: one('bind'), source: one('./x', '/abs//y/', '../z'), target: mountTarget },
        {
          read_only: one(true, 'false'),
          bind: valuesAtLater('services.*.volumes.[].bind'),
          consistency: one('cached'),
        },
      ),
      record(
        { type: one('volume'), target: mountTarget },
        { source: one('vol1', 'vol2'), volume: valuesAtLater('services.*.volumes.[].volume') },
      ),
      record({ type: one('tmpfs'), target: mountTarget }, { tmpfs: valuesAtLater('services.*.volumes.[].tmpfs') }),
      record({ type: one('image'), source: one('a:1'), target: mountTarget }, { image: one({ subpath: 'x' }) }),
    ),
  ],
  [/^services\.\*\.tmpfs$/, fc.oneof(one('/run/t'), some('/run/t', '/tmp/t:size=1m'))],
  [
    /\.develop\.watch$/,
    fc.array(
      fc.oneof(
        record(
          { path: one('.', './src', '/abs'), action: one('rebuild', 'restart') },
          { ignore: patterns, initial_sync: fc.boolean() },
        ),
        record(
          { path: one('src'), action: one('sync', 'sync+restart', 'sync+exec'), target: one('/t') },
          { include: patterns, exec: valuesAtLater('services.*.develop.watch.[].exec') },
        ),
      ),
      { maxLength: 3 },
    ),
  ],
  [/\.healthcheck\.test$/, one('curl x || exit 1', '', ['CMD', 'a', 'b c'], ['CMD-SHELL', 'x'], ['NONE'], [])],
  [
    /^services\.\*\.models$/,
    fc.oneof(some('model1'), mapOf(['model1'], one(null, {}, { endpoint_var: 'E', model_var: 'M' }))),
  ],
  [/^services\.\*\.stop_signal$/, one('SIGINT', 'SIGUSR1', 'SIGTERM')],
  [/^services\.\*\.restart$/, one('no', 'always', 'on-failure', 'on-failure:3', 'unless-stopped')],
  [/\.restart_policy\.condition$/, one('any', 'none', 'on-failure')],
  [/\.(scale|replicas)$/, one(2, '2')],
  [/\.devices\.\[\]\.target$/, one('/dev/in')],
  [/\.build\.ssh$/, some('default')],
  [
    /^services\.\*\.networks$/,
    fc.oneof(some('default', 'net1', 'net2'), mapOf(['default', 'net1'], valuesAtLater('services.*.networks.*'))),
  ],
  [/(?:gpus|devices)\.\[\]\.device_ids$/, one([])],
  [/^(?:networks|volumes|secrets|configs)\.\*\.external$/, one(false)],
];

/** As valuesAt, for places inside of `known`. */
function valuesAtLater(path: string): Arbitrary<Value> {
  return fc.constant(null).chain(() => valuesAt(path));
}
