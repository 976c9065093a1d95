import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { EdgeSetup } from './types.ts';

/** How the container of an edge is to be made; ports and networks are the project's. */
export interface ContainerShape {
  readonly image: string;
  readonly command: readonly string[];
  /** Read-only, in this order. */
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
  /** Empty folders in memory, over what the mounts show: camp's state and the data of services are not the edge's. */
  readonly tmpfs: readonly string[];
  /** Empty where the kernel does not have it: the engine would refuse the container. */
  readonly sysctls: Readonly<Record<string, string>>;
}

/** Whatever the edge's container is made of. */
export const edgeImage = 'caddy:2';

/** Where the edge's folder is in the container. */
export const innerFolder = '/camp';

/**
 * Since Linux 5.14 a connection that waits on a port while the configuration changes can be handed over to the new
 * listener; else it is reset. Elsewhere than on Linux the engine is in a virtual machine with a newer one.
 */
const hasHandover = process.platform !== 'linux' || existsSync('/proc/sys/net/ipv4/tcp_migrate_req');

/** The folder that the edge fills and its container reads, on this machine. */
export function edgeFolder({ projectDir, runDir }: Pick<EdgeSetup, 'projectDir' | 'runDir'>): string {
  return resolve(projectDir, runDir, 'edge');
}

/**
 * The project's folder is at the same path inside: a Caddyfile's `root * ./public` and `tls cert.pem key.pem` mean
 * the same files there.
 */
export function containerShape(setup: Pick<EdgeSetup, 'projectDir' | 'runDir' | 'storage'>): ContainerShape {
  const { projectDir, storage } = setup;
  return {
    image: edgeImage,
    command: ['sh', `${innerFolder}/run.sh`],
    mounts: [
      { source: projectDir, target: projectDir },
      { source: edgeFolder(setup), target: innerFolder },
    ],
    // The CA's keys are the user's alone, also where the project is the home folder.
    tmpfs: [join(projectDir, '.camp'), ...(storage.startsWith(join(projectDir, '/')) ? [storage] : [])],
    sysctls: hasHandover ? { 'net.ipv4.tcp_migrate_req': '1' } : {},
  };
}

/**
 * What the container runs. The variables are in a file that only the owner may read, not in the container's
 * description, which everybody with access to the engine sees. `exec`: signals are Caddy's. The container may be started
 * before its configuration is written.
 */
export function runScript(projectDir: string, declared: Readonly<Record<string, string>>): string {
  const exports = Object.entries(declared)
    .filter(([name]) => /^[A-Za-z_]\w*$/.test(name) && !reserved.has(name))
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`);
  const config = `${innerFolder}/caddy.json`;
  // for a minute: a camp that was killed writes none
  const wait = `i=0; while [ ! -e ${config} ] && [ $((i += 1)) -lt 3000 ]; do sleep 0.02; done\n`;
  return `${exports.join('')}${wait}cd ${quoted(projectDir)} && exec caddy run --config ${config}\n`;
}

/** Those are the image's own. */
const reserved = new Set(['PATH', 'HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME', 'SSL_CERT_FILE']);

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
