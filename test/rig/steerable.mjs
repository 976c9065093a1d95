// A service that does what its environment and its visitors tell it: for tests of supervision.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const mode = process.env.MODE ?? '';
const port = Number(mode.includes('own-port') ? process.env.OWN_PORT : process.env.PORT);
const host = mode.includes('six') ? '::1' : (process.env.HOST ?? '127.0.0.1');

if (mode.includes('exit-0')) process.exit(0);
if (mode.includes('exit-3')) {
  console.error('cannot go on: the flux is missing');
  process.exit(3);
}
if (process.env.SIGNALS_FILE)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => {
      appendFileSync(process.env.SIGNALS_FILE, `${process.env.CAMP_REPLICA} ${process.pid} ${signal}\n`);
      if (!mode.includes('ignore-term')) setTimeout(() => process.exit(0), Number(process.env.STOP_MS ?? 0));
    });
if (mode.includes('ignore-term')) process.on('SIGTERM', () => console.log('TERM is ignored'));
if (mode.includes('fork')) {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000)'], {
    stdio: 'inherit',
  });
  console.log(`child ${child.pid}`);
}
if (mode.includes('daemon')) {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000)'], {
    stdio: 'ignore',
    detached: true,
  });
  child.unref();
  console.log(`child ${child.pid}`);
}
if (mode.includes('silent')) setInterval(() => undefined, 1000);
else {
  const server = createServer((request, response) => {
    switch (request.url) {
      case '/exit':
        response.end('bye', () => process.exit(1));
        return;
      case '/say':
        console.log(`said ${request.headers['x-request-id'] ?? ''}`);
        response.end(JSON.stringify({ id: request.headers['x-request-id'] }));
        return;
      case '/close-port':
        setInterval(() => undefined, 1000);
        response.end('closing', () => server.close());
        server.closeIdleConnections();
        return;
      case '/readyz':
        response.statusCode = mode.includes('never-ready') ? 503 : 200;
        response.end('ready');
        return;
      default:
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({ pid: process.pid, port: process.env.PORT, version: process.env.VERSION, env: process.env }),
        );
    }
  });
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    // whatever bytes come go back: enough to see that the connection lives
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('error', () => undefined);
  });
  const delay = Number(process.env.DELAY_MS ?? 0);
  setTimeout(() => server.listen(port, host, () => console.log(`listening on ${port}`)), delay);
}
