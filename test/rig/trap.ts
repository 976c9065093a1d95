import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';

/** A socket that leads to an engine until a certain request is sent. */
export interface Trap extends Disposable {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Resolves when that request has come, and what was to happen then has happened. */
  readonly sprung: Promise<void>;
}

/**
 * Passes everything on to the engine at `socket`; the first request whose words match is not passed on: `spring` is called
 * in its place. With `isClosing` nobody listens here any more from then on, as where the engine has gone.
 */
export async function setTrap(
  path: string,
  socket: string,
  words: RegExp,
  how: { readonly isClosing: boolean; spring(): void | Promise<void> },
): Promise<Trap> {
  let isSprung = false;
  let done: () => void;
  let failed: (error: unknown) => void;
  const sprung = new Promise<void>((resolve, reject) => ((done = resolve), (failed = reject)));
  sprung.catch(() => undefined);
  const server: Server = createServer((client) => {
    const engine = connect(socket);
    const close = (): void => {
      client.destroy();
      engine.destroy();
    };
    for (const end of [client, engine]) end.on('error', close).on('close', close);
    engine.on('data', (chunk) => client.write(chunk));
    client.on('data', (chunk) => {
      if (isSprung || !words.test(chunk.toString('latin1'))) return void engine.write(chunk);
      isSprung = true;
      if (how.isClosing) {
        server.close();
        rmSync(path, { force: true });
      }
      Promise.resolve(how.spring()).then(done, failed);
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  return {
    host: `unix://${path}`,
    sprung,
    [Symbol.dispose]: () => {
      server.close();
      rmSync(path, { force: true });
    },
  };
}
