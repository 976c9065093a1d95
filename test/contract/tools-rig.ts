import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServer extends AsyncDisposable {
  readonly url: string;
  /** The paths that were asked for, in order. */
  readonly asked: readonly string[];
}

/** Serves files by name on loopback; below /moved it redirects to them. */
export async function serve(files: Readonly<Record<string, Buffer>>): Promise<FileServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/moved/')) return void response.writeHead(302, { location: path.replace('/moved', '') }).end();
    asked.push(path);
    const content = files[path.slice(1)];
    if (content === undefined) return void response.writeHead(404).end();
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  };
}

/** An archive (ustar) of regular files by name. */
export function tarOf(files: Readonly<Record<string, Buffer | string>>): Buffer {
  const members = Object.entries(files).map(([name, content]) => member(name, Buffer.from(content)));
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}

function member(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write('0', 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
