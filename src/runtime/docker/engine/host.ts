/** What a host as in DOCKER_HOST stands for. */
export type Host =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number; readonly prefix: string }
  | { readonly kind: 'ssh' }
  | { readonly kind: 'unknown' };

/** Reads a host as the docker CLI does: `unix://`, `npipe://`, `tcp://`, `ssh://`, or `name:port` alone. */
export function parseHost(host: string, hasTls = false): Host {
  const [, scheme = 'tcp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(host.trim()) ?? [];
  switch (scheme) {
    case 'unix':
      return { kind: 'socket', path: rest || defaultSocket };
    case 'npipe':
      return { kind: 'socket', path: rest || '//./pipe/docker_engine' };
    case 'ssh':
      return { kind: 'ssh' };
    case 'tcp':
    case 'http':
    case 'https':
      return tcp(rest, hasTls ? 2376 : 2375);
    default:
      return { kind: 'unknown' };
  }
}

export const defaultSocket = '/var/run/docker.sock';

function tcp(rest: string, usualPort: number): Host {
  const url = URL.parse(`http://${rest}`);
  if (!url?.hostname || url.username || url.search || url.hash) return { kind: 'unknown' };
  // port 80 is what URL leaves out
  const port = url.port ? Number(url.port) : /:80(\/|$)/.test(rest) ? 80 : usualPort;
  return {
    kind: 'tcp',
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    prefix: url.pathname.replace(/\/+$/, ''),
  };
}
