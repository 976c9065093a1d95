import { createServer, type Server } from 'node:net';
import { CampError } from '../kit/failure.ts';
import { portForbidden, portInUse } from './port-failures.ts';
import type { EdgePorts } from './types.ts';

/** The first number after stdin, stdout and stderr. */
const firstFd = 3;

/**
 * Addresses of the edge's own ports, and Caddy's name for the listening socket that it inherits for each
 * (`fd/3`). A Caddy that opens its ports itself does so with SO_REUSEPORT: another Caddy can take part of the
 * traffic, and each change of the configuration opens them anew and resets the connections that wait on the
 * old ones. An inherited socket is exclusive and stays; who connects before the first configuration waits.
 */
export function socketNames(ports: EdgePorts, hasIpv6: boolean): ReadonlyMap<string, string> {
  const hosts = hasIpv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'];
  const all = [ports.https, ports.http]
    .filter((port) => port !== undefined)
    .flatMap((port) => hosts.map((host) => `${host}:${port}`));
  return new Map(all.map((address, i) => [address, `fd/${firstFd + i}`]));
}

export interface Sockets {
  /** In the order of `socketNames`. */
  readonly fds: readonly number[];
  /** Closes them here; a child that inherited them keeps them. */
  close(): void;
}

/** Listens on every address. Throws PORT_IN_USE or NO_PERMISSION (machine); then none stays open. */
export async function openSockets(addresses: Iterable<string>): Promise<Sockets> {
  const results = await Promise.allSettled([...addresses].map(listen));
  const servers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const close = (): void => {
    for (const server of servers) server.close();
  };
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) {
    close();
    throw failed.reason;
  }
  return { fds: servers.map(fdOf), close };
}

/** Whoever connects before Caddy has the socket is turned away: the address is not known to anybody yet. */
function listen(address: string): Promise<Server> {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new CampError(portInUse(port)));
      else if (error.code === 'EACCES') reject(new CampError(portForbidden(port)));
      else reject(error);
    });
    server.listen({ host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port, exclusive: true }, () =>
      resolve(server),
    );
  });
}

/** Node has no public name for a listening socket's descriptor; every version on POSIX keeps it here. */
function fdOf(server: Server): number {
  const fd = (server as unknown as { _handle?: { fd?: unknown } })._handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw new Error('the listening socket has no descriptor');
  return fd;
}

/** Frees ports again that were only to be tried: whether Caddy could listen there itself. */
export async function tryPorts(addresses: Iterable<string>): Promise<void> {
  (await openSockets(addresses)).close();
}
