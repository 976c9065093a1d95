import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { currentContext, readContext } from './contexts.ts';
import { defaultSocket, parseHost } from './host.ts';
import type { EngineAddress } from './types.ts';

/** The engine that the docker CLI would talk to, else a socket at a known place. Asks nobody; it may not answer. */
export function findEngine(env: NodeJS.ProcessEnv): EngineAddress | undefined {
  return candidates(env).addresses[0];
}

export interface Candidates {
  /** Chosen by name: no other engine may take its place. */
  readonly isChosen: boolean;
  /** In the order of trying. */
  readonly addresses: readonly EngineAddress[];
}

/** DOCKER_HOST, DOCKER_CONTEXT and the current context choose, in this order; without them the sockets that are there. */
export function candidates(env: NodeJS.ProcessEnv): Candidates {
  const host = env['DOCKER_HOST'];
  if (host) return { isChosen: true, addresses: [fromEnvironment(host, env)] };
  const from = env['DOCKER_CONTEXT'] ? 'environment' : 'config';
  const named = env['DOCKER_CONTEXT'] || currentContext(configFolder(env));
  if (named && named !== 'default') return { isChosen: true, addresses: [readContext(configFolder(env), named, from)] };
  return {
    isChosen: false,
    addresses: knownSockets(env)
      .filter(([path]) => isSocket(path))
      .map(([path, why]) => ({ host: process.platform === 'win32' ? `npipe://${path}` : `unix://${path}`, why })),
  };
}

/** `~/.docker`, or DOCKER_CONFIG. */
export function configFolder(env: NodeJS.ProcessEnv): string {
  return env['DOCKER_CONFIG'] || join(homeOf(env), '.docker');
}

/** Path and name of each place where engines put their socket, the most usual first. */
export function knownSockets(env: NodeJS.ProcessEnv): readonly (readonly [path: string, why: string])[] {
  const home = homeOf(env);
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    [process.platform === 'win32' ? '//./pipe/docker_engine' : defaultSocket, defaultSocket],
    ...(runtime ? [[join(runtime, 'docker.sock'), 'rootless Docker'] as const] : []),
    [join(home, '.docker/run/docker.sock'), 'Docker Desktop'],
    [join(home, '.docker/desktop/docker.sock'), 'Docker Desktop'],
    [join(home, '.colima/default/docker.sock'), 'Colima'],
    [join(home, '.config/colima/default/docker.sock'), 'Colima'],
    [join(home, '.orbstack/run/docker.sock'), 'OrbStack'],
    [join(home, '.rd/docker.sock'), 'Rancher Desktop'],
    ...(runtime ? [[join(runtime, 'podman/podman.sock'), 'Podman'] as const] : []),
    ['/run/podman/podman.sock', 'Podman'],
  ];
}

function fromEnvironment(host: string, env: NodeJS.ProcessEnv): EngineAddress {
  const isVerified = Boolean(env['DOCKER_TLS_VERIFY']);
  const hasTls = isVerified || Boolean(env['DOCKER_TLS']);
  if (!hasTls || parseHost(host).kind !== 'tcp') return { host, why: 'DOCKER_HOST' };
  return { host, why: 'DOCKER_HOST', tls: { dir: env['DOCKER_CERT_PATH'] || configFolder(env), isVerified } };
}

function homeOf(env: NodeJS.ProcessEnv): string {
  return env['HOME'] || env['USERPROFILE'] || homedir();
}

function isSocket(path: string): boolean {
  try {
    // a named pipe of Windows is no socket for stat
    return statSync(path).isSocket() || process.platform === 'win32';
  } catch {
    return false;
  }
}
