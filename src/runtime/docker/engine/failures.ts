import { existsSync } from 'node:fs';
import type { Ms } from '../../../kit/events.ts';
import { CampError, type Failure, failure } from '../../../kit/failure.ts';
import { parseHost } from './host.ts';
import type { EngineAddress } from './types.ts';

/** An answer of the engine that is an error. */
export interface Refusal {
  /** Of HTTP: 404 no such thing, 409 not in this state, 500 anything else. */
  readonly status: number;
  readonly message: string;
}

/** The engine's own words, where it was the engine that said no. */
export function refusalOf(error: unknown): Refusal | undefined {
  return error instanceof CampError && error.failures[0]?.code === 'ENGINE_REFUSED'
    ? (error.failures[0].cause as Refusal)
    : undefined;
}

export function refused(what: string, refusal: Refusal): CampError {
  return new CampError(
    failure('machine', 'ENGINE_REFUSED', `the Docker engine refused to ${what}`, {
      evidence: [refusal.message || `HTTP status ${refusal.status}`],
      hints: ['camp doctor'],
      cause: refusal,
    }),
  );
}

/** It was reached, and does not answer. */
export function hangs(address: EngineAddress, deadlineMs?: Ms): CampError {
  const when = deadlineMs === undefined ? 'in time' : `within ${Math.round(deadlineMs / 100) / 10} s`;
  return new CampError(
    failure('machine', 'ENGINE_HANGS', `the Docker engine does not answer ${when}`, {
      evidence: [said(address)],
      hints: [startHint(address).replace(/^((?:sudo )?(?:systemctl|service|colima).*|)\bstart\b/, '$1restart')],
    }),
  );
}

/** The connection was refused, broke, or led to something that is no engine. */
export function unreachable(address: EngineAddress, error: unknown): CampError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const words = error instanceof Error ? error.message : String(error);
  if (code === 'EACCES' || code === 'EPERM') return new CampError(forbidden(address, words));
  return new CampError(
    failure('machine', 'ENGINE_UNREACHABLE', messageOf(address, code), {
      evidence: [said(address), words],
      hints: [hintOf(address, code)],
      cause: error,
    }),
  );
}

export function unusableHost(address: EngineAddress): Failure {
  const isSsh = parseHost(address.host).kind === 'ssh';
  return failure(
    'machine',
    'ENGINE_UNREACHABLE',
    isSsh
      ? `camp does not speak SSH with a Docker engine: ${address.host}`
      : `${address.why} is not the address of a Docker engine: ${address.host}`,
    {
      evidence: [said(address)],
      hints: isSsh
        ? [
            `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ${hostForSsh(address.host)}`,
            'and, while that runs: DOCKER_HOST=unix:///tmp/docker.sock',
          ]
        : [chooseHint(address) ?? 'DOCKER_HOST=unix:///var/run/docker.sock'],
    },
  );
}

export function noneFound(tried: readonly string[]): Failure {
  return failure('machine', 'ENGINE_UNREACHABLE', 'no Docker engine was found on this machine', {
    evidence: ['DOCKER_HOST is not set, no docker context is chosen, and there is no socket at', ...tried],
    hints: [existsSync('/usr/bin/dockerd') ? startCommand() : 'https://docs.docker.com/engine/install/'],
  });
}

export function tooOld(address: EngineAddress, has: string, needs: string, version: string): CampError {
  return new CampError(
    failure('machine', 'ENGINE_TOO_OLD', `the Docker engine is too old: its API is ${has}, camp needs ${needs}`, {
      evidence: [said(address), `engine ${version}`],
      hints: ['https://docs.docker.com/engine/install/ has Docker 20.10 and later'],
    }),
  );
}

/** `DOCKER_HOST: tcp://127.0.0.1:2375` */
export function said(address: EngineAddress): string {
  const path = address.host.replace(/^unix:\/\//, '');
  return path === address.why ? address.host : `${address.why}: ${address.host}`;
}

function forbidden(address: EngineAddress, words: string): Failure {
  const host = parseHost(address.host);
  const path = host.kind === 'socket' ? host.path : address.host;
  return failure('machine', 'NO_PERMISSION', `this user may not use the Docker engine's socket ${path}`, {
    evidence: [said(address), words],
    hints: [
      'sudo usermod -aG docker $USER && newgrp docker',
      'or an engine of your own: dockerd-rootless-setuptool.sh install',
    ],
  });
}

function messageOf(address: EngineAddress, code: string): string {
  const what = `the Docker engine at ${address.host}`;
  if (code === 'ENOENT') return `${what} is not there`;
  if (code === 'ECONNREFUSED') return `${what} does not run`;
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) return `the host of ${what} is not known`;
  if (code.startsWith('HPE_') || code === 'garbage') return `what answers at ${address.host} is not a Docker engine`;
  if (code.includes('CERT') || code.includes('SSL') || code === 'EPROTO') return `${what} and camp agree on no TLS`;
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return `${what} went away in the middle of an answer`;
  return `${what} is not reached`;
}

function hintOf(address: EngineAddress, code: string): string {
  // what is not there at all was chosen by mistake
  if (code === 'ENOENT' || code === 'ENOTFOUND') return chooseHint(address) ?? startHint(address);
  if (code.includes('CERT') || code.includes('SSL') || code === 'EPROTO' || code === 'garbage')
    return chooseHint(address) ?? startHint(address);
  return startHint(address);
}

/** How to go back to the engine that is used without any choice. */
function chooseHint(address: EngineAddress): string | undefined {
  if (address.why === 'DOCKER_HOST') return 'unset DOCKER_HOST';
  if (address.why.startsWith('DOCKER_CONTEXT ')) return 'unset DOCKER_CONTEXT';
  return address.why.startsWith('context ') ? 'docker context use default' : undefined;
}

function startHint(address: EngineAddress): string {
  if (/colima/i.test(address.host)) return 'colima start';
  if (/podman/.test(address.host)) return 'systemctl --user start podman.socket';
  if (/orbstack/.test(address.host)) return 'orb start';
  if (/\/\.rd\//.test(address.host)) return 'rdctl start';
  if (/\/run\/user\/\d+\/docker\.sock$/.test(address.host)) return 'systemctl --user start docker';
  if (address.host === 'unix:///var/run/docker.sock' || /\/\.docker\//.test(address.host)) return startCommand();
  const choose = chooseHint(address);
  return choose ? `start it, or go back to the usual engine: ${choose}` : startCommand();
}

function startCommand(): string {
  if (process.platform === 'darwin') return 'open -a Docker';
  if (process.platform === 'win32') return 'start it: Docker Desktop';
  return existsSync('/run/systemd/system') ? 'sudo systemctl start docker' : 'sudo service docker start';
}

function hostForSsh(host: string): string {
  const url = URL.parse(host);
  if (!url) return 'HOST';
  return `${url.port ? `-p ${url.port} ` : ''}${url.username ? `${url.username}@` : ''}${url.hostname}`;
}
