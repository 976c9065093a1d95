import { connect, type Socket } from 'node:net';
import type { Ms } from '../kit/events.ts';

/** As much of NATS as asking JetStream takes. */
export interface NatsClient {
  /** What is answered to a message on the subject. Rejects after the deadline, and when the broker hangs up. */
  request(subject: string, body: string, headers?: Readonly<Record<string, string>>): Promise<string>;
  close(): void;
}

interface Asking {
  readonly answered: (body: string) => void;
  readonly failed: (error: Error) => void;
}

/** Subjects that answers come to begin with it: nobody else may guess them. */
const inboxOf = (): string => `_INBOX.${crypto.randomUUID().replaceAll('-', '')}`;

/**
 * Connects to `nats://[user:password@|token@]host:port`, without TLS, and logs in (docs.nats.io, "Client Protocol"). Rejects with
 * the broker's own words.
 */
export async function connectNats(url: string, timeoutMs: Ms): Promise<NatsClient> {
  const { hostname, port, username, password } = new URL(url);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 4222) });
  const inbox = inboxOf();
  const asking = new Map<string, Asking>();
  let count = 0;

  const end = (error: Error): void => {
    for (const { failed } of asking.values()) failed(error);
    asking.clear();
    socket.destroy();
  };

  const ask = (name: string, words: string): Promise<string> =>
    new Promise((answered, failed) => {
      const timer = setTimeout(() => failed(new Error(`the broker did not answer within ${timeoutMs} ms`)), timeoutMs);
      const settle =
        <T>(go: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          asking.delete(name);
          go(value);
        };
      asking.set(name, { answered: settle(answered), failed: settle(failed) });
      if (socket.destroyed) end(new Error('the broker hung up'));
      else socket.write(words);
    });

  read(socket, {
    message: (subject, body) => asking.get(subject)?.answered(body),
    pong: () => asking.get('login')?.answered(''),
    failed: end,
  });
  const user = decodeURIComponent(username);
  const login = password ? { user, pass: decodeURIComponent(password) } : user ? { auth_token: user } : {};
  const options = {
    verbose: false,
    pedantic: false,
    lang: 'node',
    version: '1',
    name: 'camp',
    headers: true,
    no_responders: true,
    ...login,
  };
  await ask('login', `CONNECT ${JSON.stringify(options)}\r\nSUB ${inbox}.* 1\r\nPING\r\n`).catch((error: Error) => {
    end(error);
    throw error;
  });

  return {
    request(subject, body, headers) {
      const reply = `${inbox}.${++count}`;
      const bytes = Buffer.byteLength(body);
      const lines = Object.entries(headers ?? {}).map(
        ([name, value]) => `${name}: ${value.replace(/[\r\n]/g, ' ')}\r\n`,
      );
      const head = `NATS/1.0\r\n${lines.join('')}\r\n`;
      const size = Buffer.byteLength(head);
      return ask(
        reply,
        headers
          ? `HPUB ${subject} ${reply} ${size} ${size + bytes}\r\n${head}${body}\r\n`
          : `PUB ${subject} ${reply} ${bytes}\r\n${body}\r\n`,
      );
    },
    close: () => end(new Error('the connection was closed')),
  };
}

interface Reader {
  readonly message: (subject: string, body: string) => void;
  readonly pong: () => void;
  readonly failed: (error: Error) => void;
}

/** Tells apart what the broker says: lines, and after a MSG or HMSG as many bytes as it names. */
function read(socket: Socket, { message, pong, failed }: Reader): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.once('error', (error: AggregateError) => failed(new Error(error.errors?.[0]?.message ?? error.message)));
  socket.once('close', () => failed(new Error('the broker hung up')));
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const end = rest.indexOf('\r\n');
      if (end < 0) return;
      const [verb = '', ...words] = rest.toString('utf8', 0, end).split(' ');
      const isMessage = verb === 'MSG' || verb === 'HMSG';
      const bytes = isMessage ? Number(words.at(-1)) : 0;
      const next = end + 2 + (isMessage ? bytes + 2 : 0);
      if (rest.length < next) return;
      // of an HMSG the last number but one is the length of its headers
      const skipped = verb === 'HMSG' ? Number(words.at(-2)) : 0;
      if (isMessage) message(words[0] ?? '', rest.toString('utf8', end + 2 + skipped, end + 2 + bytes));
      else if (verb === 'PING') socket.write('PONG\r\n');
      else if (verb === 'PONG') pong();
      else if (verb === '-ERR') failed(new Error(words.join(' ').replace(/^'|'$/g, '')));
      rest = rest.subarray(next);
    }
  });
}
