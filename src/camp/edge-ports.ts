import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EdgePorts } from '../edge/types.ts';
import { CampError, failure } from '../kit/failure.ts';
import { makeFolder } from '../kit/files.ts';
import { isLock, type Lock, readHolder, tryLock } from '../kit/lock.ts';
import { describeHolder } from '../kit/ports.ts';

export interface ClaimedPorts extends EdgePorts {
  /** What is worth telling: why it is not 443. */
  readonly note?: string;
  release(): void;
}

export interface PortWish {
  /** `--port`: this one or none. */
  readonly strict?: number;
  /** What the project had last time. */
  readonly before?: number;
  /** Ports that turned out to be held by somebody who claims nothing. */
  readonly refused: ReadonlySet<number>;
  /** Ports that the project's own services are to be published on: left to them, but for 443 and 80. */
  readonly declared?: ReadonlySet<number>;
}

const high = { https: 8443, http: 8080, tries: 100 } as const;

/**
 * Ports for the edge. Linux lets two Caddys listen on one port and splits the traffic between them
 * (SO_REUSEPORT), so listening is no claim: a lock file per port, with its holder, is. Whether a stranger listens
 * there shows when the edge opens its sockets; then this is asked again, with that port refused.
 * Throws PORT_IN_USE or NO_PERMISSION (machine) for a port that was asked for by number.
 */
export function claimEdgePorts(claims: string, purpose: string, wish: PortWish): ClaimedPorts {
  makeFolder(claims, 0o700);
  const claim = (port: number): Lock | undefined => {
    if (wish.refused.has(port)) return undefined;
    const lock = tryLock(join(claims, `${port}.lock`), purpose);
    return isLock(lock) ? lock : undefined;
  };
  if (wish.strict !== undefined) return claimStrict(wish.strict, claim, claims);
  const isFree = (port: number): boolean =>
    port === 443 || [port, httpBeside(port)].every((one) => one === undefined || !wish.declared?.has(one));
  const candidates = [
    wish.before,
    mayBind(443) ? 443 : undefined,
    ...Array.from({ length: high.tries }, (_, i) => high.https + i),
  ].filter((port) => port === undefined || isFree(port));
  for (const port of candidates) {
    if (port === undefined || (port < 1024 && !mayBind(port))) continue;
    const lock = claim(port);
    if (lock) return withHttp(port, lock, claim, noteOf(port, claims));
  }
  throw new CampError(
    failure('machine', 'PORT_IN_USE', `ports 443 and ${high.https} to ${high.https + high.tries} are all taken`, {
      hints: ['camp up --port 9443'],
    }),
  );
}

function claimStrict(port: number, claim: (port: number) => Lock | undefined, claims: string): ClaimedPorts {
  if (!mayBind(port))
    throw new CampError(
      failure('machine', 'NO_PERMISSION', `port ${port} may only be used by root here`, {
        hints: [unprivilegedFix, 'camp up'],
      }),
    );
  const lock = claim(port);
  if (!lock)
    throw new CampError(
      failure('machine', 'PORT_IN_USE', `port ${port} is held by ${holderOf(port, claims)}`, {
        hints: ['camp up', `ss -ltnp 'sport = :${port}'`],
      }),
    );
  return withHttp(port, lock, claim, undefined);
}

/** Plain HTTP only redirects to HTTPS, so it is taken where it is free and done without where it is not. */
function withHttp(
  https: number,
  lock: Lock,
  claim: (port: number) => Lock | undefined,
  note: string | undefined,
): ClaimedPorts {
  const http = httpBeside(https);
  const second = http !== undefined && mayBind(http) ? claim(http) : undefined;
  return {
    https,
    ...(second && http !== undefined ? { http } : {}),
    ...(note ? { note } : {}),
    release: () => (lock.release(), second?.release()),
  };
}

function httpBeside(https: number): number | undefined {
  if (https === 443) return 80;
  const nth = https - high.https;
  return nth >= 0 && nth <= high.tries ? high.http + nth : undefined;
}

function noteOf(port: number, claims: string): string | undefined {
  if (port === 443) return undefined;
  if (!mayBind(443))
    return `port 443 may only be used by root here, so the edge listens on ${port}; to change that: ${unprivilegedFix}`;
  return `port 443 is held by ${holderOf(443, claims)}, so the edge listens on ${port}`;
}

/** Whoever holds a port: the camp project that claimed it, else the process that listens. */
function holderOf(port: number, claims: string): string {
  const holder = readHolder(join(claims, `${port}.lock`));
  return holder ? `${holder.purpose} (pid ${holder.pid})` : describeHolder(port);
}

/** The one line that lets everybody use low ports on Linux. */
export const unprivilegedFix = 'sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80';

/** Whether this user may listen on a port (ip(7): ip_unprivileged_port_start; macOS: root below 1024). */
export function mayBind(port: number): boolean {
  if (port >= 1024 || process.getuid?.() === 0) return true;
  try {
    return port >= Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'));
  } catch {
    return false;
  }
}
