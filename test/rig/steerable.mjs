// A service that does what its environment and its visitors tell it: for tests of supervision.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

const mode = process.env.MODE ?? '';
const port = Number(mode.includes('own-port') ? process.env.OWN_PORT : process.env.PORT);
const host = mode.includes('six') ? '::1' : '127.0.0.1';

if (mode.includes('exit-0')) process.exit(0);
if (mode.includes('exit-3')) {
  console.error('cannot go on: the flux is missing');
  process.exit(3);
}
if (mode.includes('ignore-term')) process.on('SIGTERM', () => console.log('TERM is ignored'));
if (mode.includes('fork')) {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000)'], { stdio: 'inherit' });
  console.log(`child ${child.pid}`);
}
if (mode.includes('daemon')) {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000)'], { stdio: 'ignore', detached: true });
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
        response.end(JSON.stringify({ pid: process.pid, port: process.env.PORT, env: process.env }));
    }
  });
  const delay = Number(process.env.DELAY_MS ?? 0);
  setTimeout(() => server.listen(port, host, () => console.log(`listening on ${port}`)), delay);
}
