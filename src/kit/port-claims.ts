import { createServer } from 'node:net';

/**
 * Claims ports among the camps of this machine, whoever runs them, from before a program is started there until this
 * process ends. A claim is an abstract name of a Unix socket (unix(7), Linux): of the network namespace, as ports are, in
 * nobody's way, and gone with the process. Elsewhere every port can be claimed.
 */
export class PortClaims {
  readonly #own = new Set<number>();

  /** False when another camp has the port. */
  async claim(port: number): Promise<boolean> {
    if (process.platform !== 'linux' || this.#own.has(port)) return true;
    const isClaimed = await listens(`\0dev.camp.port.${port}`);
    if (isClaimed) this.#own.add(port);
    return isClaimed;
  }
}

function listens(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((stranger) => stranger.destroy());
    // what else goes wrong, such as too many open files, says nothing of another camp
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
    server.listen(name, () => resolve(true));
    server.unref();
  });
}
