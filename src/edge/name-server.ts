import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Ms } from '../kit/events.ts';
import { addressOf, refreshMs, type Target, targetOf } from './names.ts';

/** Addresses by the name that is asked for. */
export type Table = ReadonlyMap<string, readonly string[]>;

/** Tells a Caddy where the replicas are while requests come, so that it needs no other configuration. */
export interface NameServer {
  readonly table: Table;
  answer(table: Table): void;
  /** Resolves when no Caddy can take the address for a replica's any more, as far as it has been one. */
  forgotten(address: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The refresh, the grace of one failed lookup, and what a busy machine takes to read an answer. */
const forgottenMs: Ms = 2 * refreshMs + 100;
/** Go reads no more of one answer (net/dnsclient_unix.go). */
const maxAnswer = 1232;
const maxQuestion = 512;
const types = { a: 1, srv: 33 } as const;
const codes = { ok: 0, malformed: 1, noSuchName: 3, notImplemented: 4, refused: 5 } as const;

/**
 * Listens on a socket in a private folder: nobody else can ask, no port is taken, and a container that the folder is
 * mounted in reaches it past every firewall. One datagram's worth on each connection: so asks Go, for which every
 * connection that is not TCP is packets.
 * Rejects where nothing can listen there.
 */
export async function openNameServer(path: string): Promise<NameServer> {
  let table: Table = new Map();
  const goneAt = new Map<string, number>();
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setTimeout(10_000, () => socket.destroy());
    socket.once('data', (question) => {
      const answer = answerTo(question, table, turn++);
      if (answer) socket.end(answer);
      else socket.destroy();
    });
  });
  rmSync(path, { force: true });
  await listening(server, path);
  // what an accept fails with is the peer's affair
  server.on('error', () => undefined);
  chmodSync(path, 0o600);
  server.unref();
  return {
    get table() {
      return table;
    },
    answer(next) {
      const stays = new Set([...next.values()].flat());
      const now = performance.now();
      for (const address of [...table.values()].flat()) if (!stays.has(address)) goneAt.set(address, now);
      for (const [address, at] of goneAt) if (stays.has(address) || now - at > forgottenMs) goneAt.delete(address);
      table = next;
    },
    async forgotten(address, signal) {
      const left = forgottenMs - (performance.now() - (goneAt.get(address) ?? Number.NEGATIVE_INFINITY));
      if (left > 0) await process.getBuiltinModule('node:timers/promises').setTimeout(left, undefined, { signal });
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The bytes that an answer repeats. */
  readonly bytes: Buffer;
}

/**
 * Answers one DNS message (RFC 1035, RFC 2782); undefined for what is no question at all. `turn` chooses the replicas
 * that an answer begins with when not all of them fit. Never throws.
 */
export function answerTo(message: Buffer, table: Table, turn = 0): Buffer | undefined {
  if (message.length < 12 || message.length > maxQuestion) return undefined;
  const flags = message.readUInt16BE(2);
  if (flags & 0x8000) return undefined;
  const id = message.readUInt16BE(0);
  if ((flags >> 11) & 0xf) return packet(id, flags, codes.notImplemented);
  const question = message.readUInt16BE(4) === 1 ? questionOf(message) : undefined;
  if (!question) return packet(id, flags, codes.malformed);
  if (question.class !== 1) return packet(id, flags, codes.refused, question);
  const addresses = table.get(question.name);
  const address = addressOf(question.name);
  if (!addresses && address === undefined) return packet(id, flags, codes.noSuchName, question);
  if (addresses && question.type === types.srv)
    return packet(id, flags, codes.ok, question, fitting(services(addresses), question, turn));
  if (address !== undefined && question.type === types.a)
    return packet(id, flags, codes.ok, question, [record(types.a, Buffer.from(address.split('.').map(Number)))]);
  return packet(id, flags, codes.ok, question);
}

function questionOf(message: Buffer): Question | undefined {
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = message[at];
    // pointers (0xc0) have nothing to point to in a question
    if (length === undefined || length > 63 || at + 1 + length > message.length) return undefined;
    at += 1 + length;
    if (length === 0) break;
    labels.push(message.toString('latin1', at - length, at));
  }
  if (at + 4 > message.length) return undefined;
  const bytes = message.subarray(12, at + 4);
  return { name: `${labels.join('.')}.`, type: message.readUInt16BE(at), class: message.readUInt16BE(at + 2), bytes };
}

/** In the order of the list: who balances by it finds the same first one each time. */
function services(addresses: readonly string[]): Buffer[] {
  const targets = addresses.flatMap((address) => targetOf(address) ?? []);
  return targets.map(({ host, port }: Target, priority) => {
    const head = Buffer.alloc(6);
    head.writeUInt16BE(priority, 0);
    head.writeUInt16BE(port, 4);
    return record(types.srv, Buffer.concat([head, nameBytes(host)]));
  });
}

function fitting(records: readonly Buffer[], question: Question, turn: number): readonly Buffer[] {
  let left = maxAnswer - 12 - question.bytes.length;
  if (records.reduce((sum, one) => sum + one.length, 0) <= left) return records;
  const from = turn % records.length;
  return [...records.slice(from), ...records.slice(0, from)].filter((one) => {
    left -= one.length;
    return left >= 0;
  });
}

/** About the name that was asked for, and true for this moment only. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter((one) => one !== '');
  return Buffer.concat([
    ...labels.flatMap((one) => [Buffer.from([one.length]), Buffer.from(one, 'latin1')]),
    Buffer.alloc(1),
  ]);
}

function packet(id: number, asked: number, code: number, question?: Question, records: readonly Buffer[] = []): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  // an answer, authoritative; opcode and "recursion desired" as they were asked
  head.writeUInt16BE(0x8400 | (asked & 0x7900) | code, 2);
  head.writeUInt16BE(question ? 1 : 0, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, ...(question ? [question.bytes] : []), ...records]);
}
