import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const files = ['/run/secrets/token', '/run/other/token', '/etc/inline.txt', '/page'];

createServer((_, response) => {
  response.end(files.map((file) => `${file}: ${readFileSync(file, 'utf8').trim()}\n`).join(''));
}).listen(8070);

process.on('SIGTERM', () => process.exit(0));
