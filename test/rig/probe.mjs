// A service that says what reached it and how: for tests that compare where it runs. Node alone, in a process or a container.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://probe');
  switch (pathname.replace(/^\/probe/, '')) {
    case '/livez':
    case '/readyz':
      response.end('ok');
      return;
    case '/upload': {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of request) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      response.end(JSON.stringify({ bytes, sha256: hash.digest('hex') }));
      return;
    }
    case '/events':
      // the next event is sent when the one before was asked for: whoever holds answers back never ends this
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write('data: first\n\n');
      waiting.add(response);
      return;
    case '/go-on':
      for (const one of waiting) one.end('data: last\n\n');
      waiting.clear();
      response.end('gone on');
      return;
    case '/say':
      console.log(`said ${request.headers['x-request-id']}`);
      response.end('said');
      return;
    case '/headers':
      response.setHeader('content-type', 'application/json');
      response.setHeader('set-cookie', ['a=1; Path=/', 'b=2; HttpOnly']);
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
      return;
    default:
      response.end(`${request.method} ${request.url}`);
  }
});
const waiting = new Set();
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('error', () => undefined);
});
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0');
