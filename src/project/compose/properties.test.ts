import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Failure, Problem } from '../../kit/failure.ts';
import { isProblem } from '../text-file.ts';
import { growTree } from '../tree.ts';
import { readDotEnv } from './dotenv.ts';
import { interpolate } from './interpolate.ts';
import { readCompose } from './read.ts';
import { createSources } from './sources.ts';
import { durationMs } from './units.ts';

const nothing = { dir: '/nonexistent', env: {}, lookup: () => undefined, profiles: new Set<string>() };
const read = (text: string) => {
  const problems: Problem[] = [];
  const warnings: Failure[] = [];
  const sources = createSources('/nonexistent', {
    report: (problem) => problems.push(problem),
    warn: (warning) => warnings.push(warning),
  });
  const file = { path: '/nonexistent/compose.yaml', file: { name: 'compose.yaml', text } };
  return { ...readCompose([file], { ...nothing, sources }), problems, warnings };
};

const seed = `# a project
name: shop
x-camp: native
x-base: &base
  restart: "on-failure:3"
  environment: {A: "1", B: "\${B:-two}"}
services:
  web:
    <<: *base
    image: "nginx:1.\${MINOR:-27}"
    ports: ["8080:80", {target: 443, published: "8443"}]
    depends_on:
      api: {condition: service_healthy}
  api:
    image: example/api
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:3000/readyz"]
      interval: 1m30s
    deploy: {replicas: 2}
    command: >
      node server.js
      --port 3000
volumes:
  data: {}
`;

test('the seed itself is right', () => {
  expect(read(seed).problems).toEqual([]);
  expect([...read(seed).services.keys()]).toEqual(['web', 'api']);
});

const pieces = [
  '\t',
  '\n',
  ' ',
  ':',
  '- ',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '*base',
  '&base ',
  '${',
  '}',
  '$$',
  '!!',
  '!x ',
  '|',
  '>',
  '#',
  '\0',
  '\uFEFF',
  '\r\n',
  '<<: ',
  '? ',
  '---\n',
  '...',
  '%',
  '@',
  '`',
  '__proto__: ',
  '1e999',
  '-1',
  '.inf',
  '0x',
  '~',
];

test('a compose file that was changed anywhere never throws, and each problem has a place in the text', () => {
  const change = fc.record({
    at: fc.nat(seed.length),
    cut: fc.nat(12),
    put: fc.array(fc.constantFrom(...pieces), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      let text = seed;
      for (const { at, cut, put } of changes) text = text.slice(0, at) + put.join('') + text.slice(at + cut);
      const { problems, warnings } = read(text);
      const lines = text.split('\n').length;
      for (const { source, hints, message } of [...problems, ...warnings]) {
        expect(source?.file).toBe('compose.yaml');
        expect(source?.line).toBeGreaterThanOrEqual(1);
        expect(source?.line).toBeLessThanOrEqual(lines);
        expect(source?.col).toBeGreaterThanOrEqual(1);
        expect(hints.length).toBeGreaterThan(0);
        expect(message).not.toMatch(/undefined|\[object/);
      }
    }),
    { numRuns: 400 },
  );
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('a file cut anywhere never throws', () => {
  for (let at = 0; at <= seed.length; at++) expect(() => read(seed.slice(0, at))).not.toThrow();
});

test('any text is either a tree or problems', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const { trees, problems } = growTree({ name: 'f', text });
      expect(problems.every(isProblem)).toBe(true);
      if (problems.length === 0 && text.trim() !== '' && /^[a-z]+$/.test(text.trim())) expect(trees).toHaveLength(1);
    }),
  );
});

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
const quiet = () => undefined;

test('a text without a dollar stays, and doubled dollars become single ones', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const doubled = text.replaceAll('$', '$$$$');
      expect(interpolate(doubled, quiet, fail)).toBe(text);
    }),
  );
});

test('every form of a variable', () => {
  fc.assert(
    fc.property(
      name,
      fc.option(fc.string(), { nil: undefined }),
      fc.stringMatching(/^[a-z ]*$/),
      (variable, value, word) => {
        const put = (text: string) => interpolate(text, (asked) => (asked === variable ? value : undefined), quiet);
        const isSet = value !== undefined;
        const isFull = isSet && value !== '';
        expect(put(`<$${variable}>`)).toBe(`<${value ?? ''}>`);
        expect(put(`<\${${variable}}>`)).toBe(`<${value ?? ''}>`);
        expect(put(`\${${variable}:-${word}}`)).toBe(isFull ? value : word);
        expect(put(`\${${variable}-${word}}`)).toBe(isSet ? value : word);
        expect(put(`\${${variable}:+${word}}`)).toBe(isFull ? word : '');
        expect(put(`\${${variable}+${word}}`)).toBe(isSet ? word : '');
        const remarks: string[] = [];
        interpolate(
          `\${${variable}:?${word}}`,
          () => value,
          ({ kind, message }) => remarks.push(`${kind} ${message}`),
        );
        expect(remarks).toEqual(isFull ? [] : [`required ${word}`]);
      },
    ),
  );
});

test('hostile nesting ends quickly', () => {
  const remarks: string[] = [];
  interpolate('${A:-'.repeat(20_000), quiet, ({ kind }) => remarks.push(kind));
  expect(remarks.length).toBeGreaterThan(0);
  expect(remarks.every((kind) => kind === 'invalid')).toBe(true);
});

const dotenv = (text: string) => readDotEnv({ name: '.env', text }, quiet);

test('an env file gives back what was quoted', () => {
  const value = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 6 }), fc.boolean(), (values, isDouble) => {
      const lines = Object.entries(values).flatMap(([key, text]) => {
        if (isDouble) return `${key}="${text.replace(/[\\"$]/g, '\\$&')}"`;
        return /['\\]/.test(text) ? [] : `export ${key}='${text}' # note`;
      });
      const { values: found, problems } = dotenv(lines.join('\n'));
      expect(problems).toEqual([]);
      for (const [key, text] of Object.entries(values))
        if (isDouble || !/['\\]/.test(text)) expect(found.get(key)).toBe(text);
    }),
  );
});

test('an env file of any text never throws and always ends', () => {
  const parts = fc.array(
    fc.constantFrom('A', '=', '"', "'", '\n', '\\', '$', '{', '}', '#', ' ', ':', 'export ', '\r', '-'),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(parts, (text) => void dotenv(text.join(''))),
    { numRuns: 500 },
  );
});

test('durations add up', () => {
  fc.assert(
    fc.property(fc.nat(99), fc.nat(59), fc.nat(59), fc.nat(999), (h, m, s, ms) => {
      expect(durationMs(`${h}h${m}m${s}s${ms}ms`)).toBeCloseTo(h * 3_600_000 + m * 60_000 + s * 1000 + ms, 6);
    }),
  );
  for (const [text, ms] of [
    ['1.5s', 1500],
    ['2w', 1_209_600_000],
    ['1d2h', 93_600_000],
    ['0', 0],
    ['250us', 0.25],
  ] as const)
    expect(durationMs(text)).toBeCloseTo(ms, 6);
  for (const text of ['', '5', 's', '1 s', '1s 2s', '1y', 'soon', '1..5s']) expect(durationMs(text)).toBeUndefined();
});

test('thousands of services, a long chain and a file that is too large', () => {
  const many = `services:\n${Array.from({ length: 4000 }, (_, i) => `  s${i}:\n    image: x\n    depends_on: [s${(i + 1) % 4000}]\n`).join('')}`;
  const begin = performance.now();
  const { services, problems } = read(many);
  expect(performance.now() - begin).toBeLessThan(4000);
  expect(services.size).toBe(4000);
  expect(problems.map(({ code }) => code)).toEqual(['DEPENDENCY_CYCLE']);
  expect(read('x'.repeat(1_000_001)).problems.map(({ code }) => code)).toEqual(['FILE_TOO_LARGE']);
});

test.each(['[', '{a: ', '- ', '? '])('ten thousand levels of %j are a problem', (level) => {
  const { problems } = read(level.repeat(10_000));
  expect(problems).toHaveLength(1);
  expect(problems[0]?.code).toMatch(/TOO_DEEP|YAML_SYNTAX/);
});

function fail(): never {
  throw new Error('no remark was expected');
}
