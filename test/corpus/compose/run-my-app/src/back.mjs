import { createServer } from 'node:http';

createServer((_, response) => response.end(`a word ${process.env.WORD}\n`)).listen(7000);
