import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';

/** Talks to Redis: one command after the other, each answer as its first line (or, of a bulk string, its text). */
export async function redisClient(port: number): Promise<{ ask(...words: string[]): Promise<string>; close(): void }> {
  const socket = await open(port);
  let text = '';
  const waiting: { resolve(answer: string): void; reject(error: Error): void }[] = [];
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    for (;;) {
      const match = /^([+\-:])([^\r]*)\r\n|^\$(-?\d+)\r\n/.exec(text);
      if (!match) return;
      let end = match[0].length;
      let answer = match[2] ?? '';
      if (match[3] !== undefined) {
        const length = Number(match[3]);
        if (length >= 0 && text.length < end + length + 2) return;
        answer = length < 0 ? '' : text.slice(end, end + length);
        end += length < 0 ? 0 : length + 2;
      }
      text = text.slice(end);
      const first = waiting.shift();
      if (match[1] === '-') first?.reject(new Error(answer));
      else first?.resolve(answer);
    }
  });
  socket.on('close', () => {
    for (const one of waiting.splice(0)) one.reject(new Error('hung up'));
  });
  return {
    ask: (...words) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('hung up'));
        waiting.push({ resolve, reject });
        socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
      }),
    close: () => void socket.destroy(),
  };
}

/** Talks to NATS: requests, each with its answer. */
export async function natsClient(
  port: number,
): Promise<{ ask(subject: string, body: unknown): Promise<Record<string, unknown>>; close(): void }> {
  const socket = await open(port);
  let text = '';
  let count = 0;
  const waiting = new Map<string, { resolve(answer: Record<string, unknown>): void; reject(error: Error): void }>();
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (;;) {
      const match = /^MSG (\S+) \S+ (?:\S+ )?(\d+)\r\n|^[^\r]*\r\n/.exec(text);
      if (!match) return;
      const length = match[2] === undefined ? 0 : Number(match[2]) + 2;
      if (text.length < match[0].length + length) return;
      const body = text.slice(match[0].length, match[0].length + length - 2);
      text = text.slice(match[0].length + length);
      if (match[1] !== undefined) {
        waiting.get(match[1])?.resolve(JSON.parse(body) as Record<string, unknown>);
        waiting.delete(match[1]);
      } else if (match[0].startsWith('PING')) socket.write('PONG\r\n');
    }
  });
  socket.on('close', () => {
    for (const one of waiting.values()) one.reject(new Error('hung up'));
    waiting.clear();
  });
  socket.write('CONNECT {"verbose":false}\r\nSUB inbox.> 1\r\n');
  return {
    ask: (subject, body) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('hung up'));
        const inbox = `inbox.${++count}`;
        waiting.set(inbox, { resolve, reject });
        const payload = JSON.stringify(body);
        socket.write(`PUB ${subject} ${inbox} ${payload.length}\r\n${payload}\r\n`);
      }),
    close: () => void socket.destroy(),
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => undefined);
  });
}

/** Runs psql; what it prints, or what it complains of as an Error. */
export function psql(env: Readonly<Record<string, string>>, sql: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('psql', ['-X', '-At', '-v', 'ON_ERROR_STOP=1'], {
      env: { PATH: process.env['PATH'] ?? '', PGCONNECT_TIMEOUT: '5', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let out = '';
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString('utf8')));
    child.stdin.on('error', () => undefined);
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(out.trim()) : reject(new Error(complaint.trim() || `code ${code}`)),
    );
    child.stdin.end(sql);
  });
}

/** One psql session that inserts numbers one by one; tells of each that was acknowledged, until it is hung up on. */
export function inserting(
  env: Readonly<Record<string, string>>,
  table: string,
): { acknowledged: number[]; ended: Promise<void> } {
  const child = spawn('psql', ['-X', '-At', '-q'], {
    env: { PATH: process.env['PATH'] ?? '', PGCONNECT_TIMEOUT: '5', ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const acknowledged: number[] = [];
  let next = 1;
  const insert = (): void => void child.stdin.write(`insert into ${table} values (${next++}) returning n;\n`);
  child.stdin.on('error', () => undefined);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines.filter(Boolean)) {
      acknowledged.push(Number(line));
      insert();
    }
  });
  insert();
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { acknowledged, ended };
}
