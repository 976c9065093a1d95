import { createServer } from 'node:net';
import { CampError, fail, failure } from '../kit/failure.ts';
import { describeHolder, listeners } from '../kit/ports.ts';
import { socketInodes } from '../kit/process.ts';
import { type Admin, errorOf } from './admin.ts';
import { refusalProblem } from './adapt.ts';
import { entriesOf, type JsonObject, isObject, stringsOf } from './json.ts';
import type { Wanted } from './types.ts';

/** Provisioning a large configuration, with its certificates, on a busy machine. */
const loadTimeoutMs = 30_000;

/**
 * Loads a configuration all-or-nothing: on a refusal the old one goes on serving. Throws EDGE_REFUSED (edge),
 * PORT_IN_USE or NO_PERMISSION (machine), CADDYFILE_INVALID (project).
 */
export async function load(admin: Admin, config: JsonObject, caddyfile: Wanted['caddyfile'], projectDir: string, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify(config);
  const answer = await admin.ask('POST', '/load', { body, contentType: 'application/json', timeoutMs: loadTimeoutMs, signal });
  if (answer.status === 200) return;
  const words = errorOf(answer);
  const port = Number(/listen \w+ \S+?:(\d+): bind/.exec(words)?.[1]);
  if (port && /address already in use/.test(words)) throw new CampError(portInUse(port));
  if (port && /permission denied/.test(words)) throw new CampError(portForbidden(port));
  const problem = refusalProblem(words, caddyfile, projectDir);
  if (problem) throw new CampError(problem);
  fail('edge', 'EDGE_REFUSED', 'caddy refused the configuration; the one before goes on serving', {
    hints: ['camp doctor'],
    evidence: [`caddy: ${words}`],
  });
}

/** `127.0.0.1:443` of every server, TCP only. */
export function addressesOf(config: JsonObject): ReadonlySet<string> {
  const apps = isObject(config.apps) ? config.apps : {};
  const http = isObject(apps.http) ? apps.http : {};
  const all = entriesOf(http.servers).flatMap(([, server]) => stringsOf(server.listen));
  return new Set(all.filter((address) => /^[^/]+:\d+$/.test(address)));
}

/**
 * Makes sure that nobody listens on addresses that are about to be used: Linux would let a second Caddy
 * share them (SO_REUSEPORT) and split the traffic. Throws PORT_IN_USE or NO_PERMISSION (machine).
 */
export async function claimPorts(addresses: Iterable<string>): Promise<void> {
  await Promise.all([...addresses].map(claim));
}

function claim(address: string): Promise<void> {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new CampError(portInUse(port)));
      else if (error.code === 'EACCES') reject(new CampError(portForbidden(port)));
      else resolve(); // anything else Caddy will say better
    });
    probe.listen({ host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/** After a load: nobody else may have taken one of the ports at the same moment. Linux only; throws PORT_IN_USE. */
export function verifyPorts(addresses: ReadonlySet<string>, pid: number | undefined): void {
  if (process.platform !== 'linux' || pid === undefined || addresses.size === 0) return;
  const ports = new Set([...addresses].map((address) => Number(address.slice(address.lastIndexOf(':') + 1))));
  const own = socketInodes(pid);
  const stranger = listeners().find((one) => ports.has(one.port) && !own.has(one.owner));
  if (stranger && own.size > 0) throw new CampError(portInUse(stranger.port));
}

function portInUse(port: number) {
  return failure('machine', 'PORT_IN_USE', `port ${port} is in use by ${describeHolder(port)}`, {
    hints: ['stop that program, or choose another port: camp up --port N'],
  });
}

function portForbidden(port: number) {
  return failure('machine', 'NO_PERMISSION', `this user may not listen on port ${port}`, {
    hints: [`sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`, 'or choose a port from 1024 up: camp up --port N'],
  });
}
