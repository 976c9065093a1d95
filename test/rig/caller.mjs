// A service that reaches others the way its environment or a visitor says: for tests of wiring.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';

/** What a server of each kind says to somebody who speaks its protocol. */
const greetings = {
  'postgres:': ({ user }) => {
    const words = Buffer.from(`user\0${user}\0\0`);
    const head = Buffer.alloc(8);
    head.writeInt32BE(words.length + 8, 0);
    head.writeInt32BE(196608, 4);
    return Buffer.concat([head, words]);
  },
  'redis:': () => 'PING\r\n',
  'nats:': () => '',
};

function dial(url) {
  const { protocol, hostname, port, username } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => socket.write(greetings[protocol]({ user: username })));
    socket.once('data', (data) => (resolve(data.toString('latin1').slice(0, 5)), socket.destroy()));
    socket.once('error', reject).once('close', () => reject(new Error(`${url.replace(/\/\/.*@/, '//')} said nothing`)));
  });
}

for (const file of (process.env.MUST_EXIST ?? '').split(' ').filter(Boolean))
  if (!existsSync(file)) {
    console.error(`${file} is not there yet`);
    process.exit(1);
  }
for (const url of (process.env.MUST_ANSWER ?? '').split(' ').filter(Boolean)) {
  const answer = await fetch(url).catch((error) => ({ status: `${error.cause?.code ?? error.message}` }));
  console.log(`at the start ${url} answered ${answer.status}`);
  if (answer.status !== 200) process.exit(1);
}
const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://caller');
  const name = searchParams.get('name') ?? '';
  const url = searchParams.get('url') ?? process.env[name] ?? '';
  try {
    switch (pathname.split('/').at(-1)) {
      case 'env':
        response.end(process.env[name] ?? 'not set');
        return;
      case 'dial':
        response.end(await dial(url));
        return;
      case 'call':
        response.end(await (await fetch(url)).text());
        return;
      default:
        response.end(`${process.env.WHO} is here`);
    }
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error.cause ?? error));
  }
});
process.on('SIGTERM', () => process.exit(0));
setTimeout(
  () => server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0'),
  Number(process.env.DELAY_MS ?? 0),
);
