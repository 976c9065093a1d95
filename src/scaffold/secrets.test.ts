import { expect, test } from 'vitest';
import { missingSecrets, newSecret, promisedSecrets, secretChanges } from './secrets.ts';

const database = (password: string, image = 'postgres:17') =>
  `services:\n  db:\n    image: ${image}\n    environment:\n      POSTGRES_PASSWORD: ${password}\n`;
const none = { dotenv: undefined, example: undefined, ignore: undefined };
const fixed = () => 'S3cret';

test('a secret is long, needs no quotes anywhere, and is another one each time', () => {
  const all = Array.from({ length: 200 }, newSecret);
  expect(new Set(all).size).toBe(200);
  for (const secret of all) expect(secret).toMatch(/^[A-Za-z0-9]{32}$/);
});

test.each([
  ['${DB_PASSWORD}', ['DB_PASSWORD']],
  ['$DB_PASSWORD', ['DB_PASSWORD']],
  ['${DB_PASSWORD:?it is needed}', ['DB_PASSWORD']],
  ['${DB_PASSWORD?}', ['DB_PASSWORD']],
  ['${DB_PASSWORD:-postgres}', []],
  ['${DB_PASSWORD-}', []],
  ['$$DB_PASSWORD', []],
  ['prefix-${DB_PASSWORD}', []],
  ['secret', []],
  ['""', []],
])('a password line %s asks for %j', (password, names) => {
  expect(missingSecrets(database(password), undefined)).toEqual(names);
});

test('lists, other servers and names of their own count; images that nobody knows do not', () => {
  const list = 'services:\n  a:\n    image: rabbitmq:4\n    environment: ["RABBITMQ_DEFAULT_PASS=${Q_PASSWORD}", A]\n';
  expect(missingSecrets(list, undefined)).toEqual(['Q_PASSWORD']);
  expect(missingSecrets(database('${X}', 'registry.example/own/thing:1'), undefined)).toEqual([]);
  expect(missingSecrets(database('${X}', 'mysql:8'), undefined)).toEqual(['X']);
  expect(missingSecrets('services: [', undefined)).toEqual([]);
  expect(missingSecrets(`${database('${X}')}  other:\n    image: a\n`, undefined, {}, 'other')).toEqual([]);
});

test.each(['X=1', 'export X=1', '  X = "a b"', "X='1'\r", 'A=1\nX=2\n', 'X=\nX=3'])('%j sets it', (dotenv) => {
  expect(missingSecrets(database('${X}'), dotenv)).toEqual([]);
});

test.each(['', '# X=1', 'XY=1', 'X=', 'X=""', 'X= # none', 'X=1\nX='])('%j does not set it', (dotenv) => {
  expect(missingSecrets(database('${X}'), dotenv)).toEqual(['X']);
});

test('what the environment sets is not asked for', () => {
  expect(missingSecrets(database('${X}'), undefined, { X: 'y' })).toEqual([]);
  expect(missingSecrets(database('${X}'), undefined, { X: '' })).toEqual(['X']);
});

test('a new .env is for its owner alone and is never shown; git ignores it', () => {
  const changes = secretChanges(['X'], none, fixed);
  expect(changes.map(({ path, mode, isSecret }) => ({ path, mode, isSecret }))).toEqual([
    { path: '.env', mode: 0o600, isSecret: true },
    { path: '.env.example', mode: undefined, isSecret: undefined },
    { path: '.gitignore', mode: undefined, isSecret: undefined },
  ]);
  expect(changes[0]?.after).toMatch(/^# .*\nX=S3cret\n$/);
  expect(changes[1]?.after).toMatch(/^# .*\nX=\n$/);
  expect(changes[2]?.after).toBe('.camp/\n.env\n');
});

test('what a person has written keeps every byte, and no value is replaced', () => {
  const files = { dotenv: 'A=1\r\n# mine\r\nX=old', example: 'Y=', ignore: '*.log' };
  const [dotenv, example, ignore] = secretChanges(['X', 'Y'], files, fixed);
  expect(dotenv).toMatchObject({ before: files.dotenv, after: 'A=1\r\n# mine\r\nX=old\r\nY=S3cret\r\n' });
  expect(example).toMatchObject({ before: 'Y=', after: 'Y=\nX=\n' });
  expect(ignore).toMatchObject({ before: '*.log', after: '*.log\n.env\n' });
});

test('an empty value, as a copy of .env.example has it, is filled in', () => {
  const [dotenv] = secretChanges(['X'], { ...none, dotenv: 'X=\n' }, fixed);
  expect(dotenv?.after).toBe('X=\nX=S3cret\n');
  expect(missingSecrets(database('${X}'), dotenv?.after)).toEqual([]);
});

test.each(['.env', '/.env', '.env*', '*.env', 'a\n.env\nb', '.env \r\n'])('%j ignores .env already', (ignore) => {
  const files = { dotenv: 'X=1', example: 'X=', ignore };
  expect(secretChanges(['X'], files, fixed)).toEqual([]);
});

test('nothing is needed, nothing changes', () => expect(secretChanges([], none, fixed)).toEqual([]));

test("what camp's own .env.example names is made too; anybody else's is documentation", () => {
  const [, example] = secretChanges(['SESSION_SECRET', 'X_PASSWORD'], none, fixed);
  const text = `${example?.after}PORT=\nTOKEN_SECRET=given\n`;
  expect(promisedSecrets(text, undefined)).toEqual(['SESSION_SECRET', 'X_PASSWORD']);
  expect(promisedSecrets(text, 'SESSION_SECRET=1', { X_PASSWORD: '2' })).toEqual([]);
  expect(promisedSecrets('SESSION_SECRET=\n', undefined)).toEqual([]);
  expect(promisedSecrets(undefined, undefined)).toEqual([]);
});
