import { connect } from 'node:net';

/** As much of AMQP 0-9-1 as it takes to see what a RabbitMQ keeps. */
export interface AmqpClient {
  /** Declares a durable queue. Resolves to how many messages it holds. */
  declare(queue: string): Promise<number>;
  /** Resolves when the server has confirmed a persistent message. */
  publish(queue: string, body: string): Promise<void>;
  close(): void;
}

const short = (text: string): Buffer => Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
const frame = (type: number, channel: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type]), u16(channel), u32(payload.length), payload, Buffer.from([0xce])]);

/** Logs in. Rejects with what the server says, or when it hangs up. */
export async function amqpClient(port: number, user: string, password: string): Promise<AmqpClient> {
  const socket = connect({ host: '127.0.0.1', port });
  const waiting = new Map<string, { resolve(args: Buffer): void; reject(error: Error): void }>();
  let end: Error | undefined;
  let got = Buffer.alloc(0);

  const failAll = (error: Error): void => {
    end ??= error;
    for (const one of waiting.values()) one.reject(end);
    waiting.clear();
  };
  socket.on('error', failAll);
  socket.on('close', () => failAll(new Error('the server hung up')));
  socket.on('data', (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
    while (got.length >= 7 && got.length >= 8 + got.readUInt32BE(3)) {
      const size = got.readUInt32BE(3);
      if (got[0] === 1) take(got.subarray(7, 7 + size));
      got = got.subarray(8 + size);
    }
  });

  function take(payload: Buffer): void {
    const key = `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`;
    // connection.close and channel.close say why
    if (key === '10.50' || key === '20.40') failAll(new Error(payload.subarray(7, 7 + (payload[6] ?? 0)).toString()));
    waiting.get(key)?.resolve(payload.subarray(4));
    waiting.delete(key);
  }
  function next(key: string): Promise<Buffer> {
    if (end) return Promise.reject(end);
    return new Promise((resolve, reject) => waiting.set(key, { resolve, reject }));
  }
  function say(channel: number, method: string, ...args: readonly Buffer[]): void {
    const [group = 0, one = 0] = method.split('.').map(Number);
    socket.write(frame(1, channel, Buffer.concat([u16(group), u16(one), ...args])));
  }
  function call(channel: number, method: string, answer: string, ...args: readonly Buffer[]): Promise<Buffer> {
    const answered = next(answer);
    say(channel, method, ...args);
    return answered;
  }

  const start = next('10.10');
  socket.write('AMQP\0\0\x09\x01');
  await start;
  const login = Buffer.from(`\0${user}\0${password}`);
  const tune = await call(0, '10.11', '10.30', u32(0), short('PLAIN'), u32(login.length), login, short('en_US'));
  say(0, '10.31', tune.subarray(0, 6), u16(0));
  await call(0, '10.40', '10.41', short('/'), short(''), Buffer.from([0]));
  await call(1, '20.10', '20.11', short(''));
  await call(1, '85.10', '85.11', Buffer.from([0]));
  return {
    async declare(queue) {
      const durable = Buffer.from([2]);
      const ok = await call(1, '50.10', '50.11', u16(0), short(queue), durable, u32(0));
      return ok.readUInt32BE(1 + (ok[0] ?? 0));
    },
    async publish(queue, body) {
      const confirmed = next('60.80');
      say(1, '60.40', u16(0), short(''), short(queue), Buffer.from([0]));
      const [persistent, text] = [Buffer.from([2]), Buffer.from(body)];
      socket.write(frame(2, 1, Buffer.concat([u16(60), u16(0), u32(0), u32(text.length), u16(0x1000), persistent])));
      socket.write(frame(3, 1, text));
      await confirmed;
    },
    close: () => void socket.destroy(),
  };
}
