import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { seed } from '../rig/seed.ts';
import { type Asked, askCamp, askCompose, hasCompose } from './compose-model-rig.ts';
import { shapeAt, type Value, valuesAt } from './compose-values.ts';

if (!hasCompose && process.env['CI']) throw new Error('docker compose is not installed');
if (!hasCompose) console.warn('SKIPPED: docker compose is not installed, nothing is compared with it');

const corpus = resolve(import.meta.dirname, '..', 'corpus', 'compose');

function compare(dir: string, asked: Asked = {}, shown = ''): boolean {
  const [theirs, ours] = [askCompose(dir, asked), askCamp(dir, asked)];
  const isAccepted = theirs.model !== undefined;
  expect(
    ours.model !== undefined,
    `Compose: ${theirs.why || 'accepted'}\ncamp: ${ours.why || 'accepted'}\n${shown}`,
  ).toBe(isAccepted);
  expect(ours.model, shown).toEqual(theirs.model);
  return isAccepted;
}

describe.skipIf(!hasCompose)('a project of the corpus means what docker compose config says', () => {
  const projects = readdirSync(corpus, { withFileTypes: true }).filter((each) => each.isDirectory());

  test('there are enough of them, and nobody tidied them up', () => {
    expect(projects.length).toBeGreaterThan(70);
    const windows = readFileSync(join(corpus, 'windows-line-endings', 'docker-compose.yml'), 'utf8');
    expect(windows).toContain('\r\n');
  });

  test.each(projects.map(({ name }) => name))('%s', (name) => {
    const dir = join(corpus, name);
    expect(compare(dir), name).toBe(!existsSync(join(dir, 'refused')));
    const variants = join(dir, 'variants.json');
    const asked = existsSync(variants) ? (JSON.parse(readFileSync(variants, 'utf8')) as readonly Asked[]) : [];
    for (const each of asked) compare(dir, each, JSON.stringify(each));
  });
});

const rig = realpathSync(mkdtempSync(join(tmpdir(), 'camp-model-')));
afterAll(() => rmSync(rig, { recursive: true, force: true }));

/** What every generated project has around the service in question. */
const around = {
  services: { base: { image: 'base' }, built: { build: './built' } },
  networks: { net1: {}, net2: { name: 'second' } },
  volumes: { vol1: null, vol2: { labels: { a: 1 } } },
  secrets: { secret1: { file: './secret' }, secret2: { environment: 'CALLER' } },
  configs: { config1: { content: 'a $$b' }, config2: { file: './config' } },
  models: { model1: { model: 'ai/x' } },
};

const env = { CALLER: "the caller's $x", TAG: '3' };

function compareGenerated(file: Value): boolean {
  writeFileSync(join(rig, 'compose.yaml'), JSON.stringify(file, undefined, 1));
  return compare(rig, { env, profiles: ['p'] }, JSON.stringify(file));
}

const numRuns = Number(process.env['ORACLE_RUNS'] ?? 40);
const withService = (service: Value): Value =>
  ({ ...around, services: { ...around.services, it: service } }) as unknown as Value;

describe.skipIf(!hasCompose)('generated files mean what docker compose config says', () => {
  mkdirSync(join(rig, 'built'));
  writeFileSync(join(rig, 'a.env'), 'A=file\nF="${A} ${CALLER:-none}"\n');
  writeFileSync(join(rig, 'b.env'), "B='$A'\nG=${F:-no F}\nCALLER\n");
  writeFileSync(join(rig, 'raw.env'), 'R="as $it is"\n');
  writeFileSync(join(rig, 'a.labels'), 'from.file=1\nA=file\n');
  writeFileSync(join(rig, 'b.labels'), 'from.file=2\n');

  const keys = [...(shapeAt('services.*').keys?.keys() ?? [])].filter((key) => key !== 'x-camp' && key !== 'image');

  test.each(keys)('services.*.%s in all its forms', (key) => {
    const values = fc.property(valuesAt(`services.*.${key}`), (value) => {
      compareGenerated(withService({ image: 'x', [key]: value } as Value));
    });
    fc.assert(values, { seed, numRuns: Math.ceil(numRuns / 20) });
  });

  test('services with many keys', () => {
    const inner = Object.fromEntries(keys.map((key) => [key, valuesAt(`services.*.${key}`)]));
    const service = fc.uniqueArray(fc.constantFrom(...keys), { minLength: 2, maxLength: 8 }).chain((chosen) =>
      fc.record({
        image: valuesAt('services.*.image'),
        ...Object.fromEntries(chosen.map((key) => [key, inner[key] ?? fc.constant(null)])),
      }),
    );
    let accepted = 0;
    fc.assert(
      fc.property(service, (each) => {
        if (compareGenerated(withService(each as Value))) accepted++;
      }),
      { seed, numRuns },
    );
    // else nothing was compared but refusals
    expect(accepted).toBeGreaterThan(numRuns / 4);
  });

  test.each(['networks', 'volumes', 'secrets', 'configs'])('%s at the top of the file', (section) => {
    const user = { networks: ['it'], volumes: ['it:/it'], secrets: ['it'], configs: ['it'] }[section] as Value;
    fc.assert(
      fc.property(valuesAt(`${section}.*`), (value) => {
        const own = around[section as 'networks'];
        const file = withService({ image: 'x', [section]: user } as Value) as Record<string, Value>;
        compareGenerated({ ...file, [section]: { ...own, it: value } as unknown as Value });
      }),
      { seed, numRuns: Math.ceil(numRuns / 4) },
    );
  });

  const written = [
    '0755',
    '1_000',
    '0o17',
    '1.10',
    '1e3',
    '1e6',
    '1.5e-7',
    '0x1F',
    '0b11',
    '089',
    '+1',
    '-0',
    '.5',
    '1.',
    'true',
    'True',
    'yes',
    'off',
    '~',
    'null',
    'Null',
    '""',
    '"007"',
    "'1.10'",
    '12345678901234567890',
    '123456789.5',
    '1:30',
    '2024-01-31',
    '2024-1-2',
    '2024-13-01',
    '2024-02-30',
    '2001-12-14t21:59:43.10-05:00',
    '2001-12-14 21:59:43',
    '"2024-01-31"',
    '=',
    '<<',
    '@x',
    '!!str 12',
    'a: b',
    '[a, 1]',
    '{a: 1}',
    '|\n   x\n',
    '10.0.0.1',
    '1.2.3',
    '0.0',
    '1_0.5',
    '0_7',
  ];

  test.each(written)('%j where anything, a text and a number may stand', (value) => {
    const forms = [
      `x-any:\n  k: ${value}\nservices: {a: {image: x, labels: {a: ${value}}}}\n`,
      ...['hostname', 'cpus', 'mem_limit'].map((key) => `services: {a: {image: x, ${key}: ${value}}}\n`),
      `services: {a: {image: x, ports: [${value}]}}\n`,
    ];
    for (const text of forms) {
      writeFileSync(join(rig, 'compose.yaml'), text);
      compare(rig, { env }, text);
    }
  });
});
