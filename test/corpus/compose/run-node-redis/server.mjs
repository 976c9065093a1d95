import { createServer } from 'node:http';
import { createConnection } from 'node:net';

/** One command and the first line of its answer, in Redis's own protocol. */
function redis(...words) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const socket = createConnection(6379, process.env.REDIS_HOST);
  socket.once('data', (data) => {
    resolve(data.toString().split('\r\n')[0]);
    socket.end();
  });
  socket.once('error', reject);
  socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
  return promise;
}

createServer(async (request, response) => {
  if (request.url === '/health') return response.end('healthy\n');
  const count = await redis('INCR', 'visits').catch((error) => error.message);
  response.setHeader('content-type', 'text/plain');
  response.end(`${process.env.GREETING}, visit ${count}\n`);
}).listen(3000);

process.on('SIGTERM', () => process.exit(0));
