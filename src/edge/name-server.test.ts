import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { answerTo, openNameServer, type Table } from './name-server.ts';
import { addressOf, askedName, targetOf } from './names.ts';

const api = 'api.8080.camp.internal.';
const table: Table = new Map([[api, ['127.0.0.1:4001', '127.0.0.1:4002']]]);

function question(name: string, type = 33, { id = 7, flags = 0x0100, kind = 1 } = {}): Buffer {
  const labels = name.split('.').filter((one) => one !== '');
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(type, 1);
  tail.writeUInt16BE(kind, 3);
  return Buffer.concat([head, ...labels.flatMap((one) => [Buffer.from([one.length]), Buffer.from(one)]), tail]);
}

interface Answer {
  readonly id: number;
  readonly flags: number;
  readonly code: number;
  readonly records: readonly { readonly type: number; readonly ttl: number; readonly data: Buffer }[];
}

function read(answer: Buffer | undefined): Answer {
  if (!answer) throw new Error('no answer');
  const flags = answer.readUInt16BE(2);
  let at = 12;
  if (answer.readUInt16BE(4) === 1) {
    while (answer[at]) at += (answer[at] ?? 0) + 1;
    at += 5;
  }
  const records = Array.from({ length: answer.readUInt16BE(6) }, () => {
    const length = answer.readUInt16BE(at + 10);
    const one = {
      type: answer.readUInt16BE(at + 2),
      ttl: answer.readUInt32BE(at + 6),
      data: answer.subarray(at + 12, at + 12 + length),
    };
    at += 12 + length;
    return one;
  });
  expect(at).toBe(answer.length);
  return { id: answer.readUInt16BE(0), flags, code: flags & 15, records };
}

/** `host:port` of SRV records, by priority. */
const placesOf = ({ records }: Answer): string[] =>
  records.map(({ data }, i) => {
    expect([data.readUInt16BE(0), data.readUInt16BE(2)]).toEqual([i, 0]);
    const labels: string[] = [];
    for (let at = 6; data[at]; at += (data[at] ?? 0) + 1)
      labels.push(data.toString('latin1', at + 1, at + 1 + (data[at] ?? 0)));
    return `${labels.join('.')}:${data.readUInt16BE(4)}`;
  });

test('tells the replicas of a service in their order, true for this moment only', () => {
  const answer = read(answerTo(question(api), table));
  expect(answer).toMatchObject({ id: 7, flags: 0x8500, code: 0 });
  expect(placesOf(answer)).toEqual(['127-0-0-1.camp.internal:4001', '127-0-0-1.camp.internal:4002']);
  expect(answer.records.map(({ ttl }) => ttl)).toEqual([0, 0]);
});

test('tells what its names stand for, as an address of the old kind only', () => {
  const answer = read(answerTo(question('172-18-0-3.camp.internal', 1), table));
  expect(answer.records.map(({ type, ttl, data }) => [type, ttl, [...data]])).toEqual([[1, 0, [172, 18, 0, 3]]]);
  expect(read(answerTo(question('172-18-0-3.camp.internal', 28), table))).toMatchObject({ code: 0, records: [] });
  expect(read(answerTo(question('999-18-0-3.camp.internal', 1), table))).toMatchObject({ code: 3 });
});

test('knows nothing else', () => {
  expect(read(answerTo(question('web.8080.camp.internal'), table))).toMatchObject({ code: 3, records: [] });
  expect(read(answerTo(question('example.com', 1), table))).toMatchObject({ code: 3 });
  expect(read(answerTo(question('', 2), table))).toMatchObject({ code: 3 });
  expect(read(answerTo(question(api, 16), table))).toMatchObject({ code: 0, records: [] });
  expect(read(answerTo(question(api, 33, { kind: 3 }), table))).toMatchObject({ code: 5 });
  expect(read(answerTo(question(api, 33, { flags: 0x2800 }), table))).toMatchObject({ code: 4 });
});

test('packets that are none get no answer, or that they are malformed; nothing is thrown', () => {
  const whole = question(api);
  for (let length = 0; length < 12; length++) expect(answerTo(whole.subarray(0, length), table)).toBeUndefined();
  for (let length = 12; length < whole.length; length++)
    expect(read(answerTo(whole.subarray(0, length), table)).code).toBe(1);
  expect(answerTo(question(api, 33, { flags: 0x8100 }), table)).toBeUndefined();
  expect(answerTo(Buffer.alloc(513), table)).toBeUndefined();
  const twice = question(api);
  twice.writeUInt16BE(2, 4);
  expect(read(answerTo(twice, table)).code).toBe(1);
  const pointing = Buffer.concat([whole.subarray(0, 12), Buffer.from([0xc0, 12, 0, 33, 0, 1])]);
  expect(read(answerTo(pointing, table)).code).toBe(1);
  const long = Buffer.concat([whole.subarray(0, 12), Buffer.from([63]), Buffer.alloc(20, 97)]);
  expect(read(answerTo(long, table)).code).toBe(1);
});

test('whatever bytes come, an answer can be read and has their id', () => {
  let seed = 1;
  const next = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed;
  };
  let answered = 0;
  for (let i = 0; i < 20_000; i++) {
    const noise = question(i % 2 ? api : '127-0-0-1.camp.internal', 1 + (next() % 40));
    for (let flips = next() % 6; flips > 0; flips--) noise[next() % noise.length] = next() % 256;
    const message = noise.subarray(0, next() % 4 ? noise.length : next() % noise.length);
    const answer = answerTo(message, table, i);
    if (!answer) continue;
    answered++;
    expect(read(answer).id).toBe(message.readUInt16BE(0));
  }
  expect(answered).toBeGreaterThan(5000);
});

test('more replicas than fit into an answer are told in turn', () => {
  const many = Array.from({ length: 100 }, (_, i) => `127.0.0.1:${5000 + i}`);
  const told = new Set<string>();
  for (let turn = 0; turn < 100; turn++) {
    const answer = answerTo(question(api), new Map([[api, many]]), turn);
    expect(answer?.length).toBeLessThanOrEqual(1232);
    const { records } = read(answer);
    expect(records.length).toBeGreaterThan(20);
    for (const { data } of records) told.add(`127.0.0.1:${data.readUInt16BE(4)}`);
  }
  expect(told.size).toBe(100);
});

test('names are such that Caddy can ask for them, and addresses such that a record can say them', () => {
  expect(askedName(['api', '8080'])).toBe(api);
  expect(askedName(['my.app_1', 'any'])).toBe('my.app_1.any.camp.internal.');
  for (const odd of ['a..b', '-a', 'a b', 'ä', `${'a'.repeat(64)}`]) expect(askedName([odd, '80'])).toBeUndefined();
  expect(targetOf('shop-api-2:80')).toEqual({ host: 'shop-api-2.', port: 80, isOwn: false });
  expect(targetOf('127.0.0.1:4001')).toEqual({ host: '127-0-0-1.camp.internal.', port: 4001, isOwn: true });
  for (const odd of ['[::1]:80', 'api', 'api:0', 'api:70000', 'unix//a.sock', '1.2.3:80'])
    expect(targetOf(odd)).toBeUndefined();
  expect(addressOf('127-0-0-1.camp.internal.')).toBe('127.0.0.1');
  expect(addressOf('api.8080.camp.internal.')).toBeUndefined();
});

async function opened(): Promise<{
  readonly path: string;
  readonly server: Awaited<ReturnType<typeof openNameServer>>;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'camp-names-'));
  const path = join(folder, 'names.sock');
  const server = await openNameServer(path);
  onTestFinished(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, server };
}

function ask(path: string, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(path, () => socket.write(message));
    socket.on('data', (chunk) => void chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
  });
}

test('listens on a private socket, and outlives whoever sends nonsense or goes away', async () => {
  const { path, server } = await opened();
  server.answer(table);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await ask(path, Buffer.from('GET / HTTP/1.0\r\n\r\n'))).toHaveLength(12);
  expect(await ask(path, Buffer.alloc(600))).toHaveLength(0);
  const gone = connect(path, () => gone.destroy());
  await new Promise((resolve) => gone.once('close', resolve));
  expect(placesOf(read(await ask(path, question(api))))).toHaveLength(2);
  server.answer(new Map([[api, ['127.0.0.1:4003']]]));
  expect(placesOf(read(await ask(path, question(api))))).toEqual(['127-0-0-1.camp.internal:4003']);
});

test('an address that is told no more is forgotten once no cache can have it, and one that was never told at once', async () => {
  const { server } = await opened();
  const { signal } = new AbortController();
  let isForgotten = false;
  server.answer(table);
  server.answer(new Map([[api, ['127.0.0.1:4001']]]));
  const before = performance.now();
  const forgotten = server.forgotten('127.0.0.1:4002', signal).then(() => {
    isForgotten = true;
  });
  await server.forgotten('127.0.0.1:4001', signal);
  await server.forgotten('127.0.0.1:9999', signal);
  expect(isForgotten).toBe(false);
  await forgotten;
  expect(performance.now() - before).toBeGreaterThan(100);
  const abort = new AbortController();
  server.answer(new Map());
  abort.abort();
  await expect(server.forgotten('127.0.0.1:4001', abort.signal)).rejects.toThrow();
});
