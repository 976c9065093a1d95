import { CampError, type Failure, failure } from '../kit/failure.ts';
import { listeners } from '../kit/ports.ts';
import { socketInodes } from '../kit/process.ts';
import { refusalProblem } from './adapt.ts';
import { type Admin, errorOf } from './admin.ts';
import { entriesOf, isObject, type JsonObject, stringsOf } from './json.ts';
import { portForbidden, portInUse } from './port-failures.ts';
import type { Wanted } from './types.ts';

/** Provisioning a large configuration, with its certificates, on a busy machine. */
const loadTimeoutMs = 30_000;

/**
 * Loads a configuration all-or-nothing: on a refusal the old one goes on serving. Throws EDGE_REFUSED (edge),
 * PORT_IN_USE or NO_PERMISSION (machine), CADDYFILE_INVALID (project).
 */
export async function load(
  admin: Admin,
  config: JsonObject,
  caddyfile: Wanted['caddyfile'],
  projectDir: string,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify(config);
  const answer = await admin.ask('POST', '/load', {
    body,
    contentType: 'application/json',
    timeoutMs: loadTimeoutMs,
    signal,
  });
  if (answer.status !== 200) throw new CampError(refusalOf(errorOf(answer), caddyfile, projectDir));
}

/** What a refusal in Caddy's words means. */
export function refusalOf(words: string, caddyfile: Wanted['caddyfile'], projectDir: string): Failure {
  const port = Number(/listen \w+ \S+?:(\d+): bind/.exec(words)?.[1]);
  if (port && /address already in use/.test(words)) return portInUse(port);
  if (port && /permission denied/.test(words)) return portForbidden(port);
  return (
    refusalProblem(words, caddyfile, projectDir) ??
    failure('edge', 'EDGE_REFUSED', 'caddy refused the configuration; the one before goes on serving', {
      hints: ['camp doctor'],
      evidence: [`caddy: ${words}`],
    })
  );
}

/** `127.0.0.1:9000` of every server that opens its port itself: those of the Caddyfile beside 443 and 80. */
export function addressesOf(config: JsonObject): ReadonlySet<string> {
  const apps = isObject(config.apps) ? config.apps : {};
  const http = isObject(apps.http) ? apps.http : {};
  const all = entriesOf(http.servers).flatMap(([, server]) => stringsOf(server.listen));
  return new Set(all.filter((address) => /^[^/]+:\d+$/.test(address)));
}

/** After a load: nobody else may have taken one of the ports at the same moment. Linux only; throws PORT_IN_USE. */
export function verifyPorts(addresses: ReadonlySet<string>, pid: number | undefined): void {
  if (process.platform !== 'linux' || pid === undefined || addresses.size === 0) return;
  const ports = new Set([...addresses].map((address) => Number(address.slice(address.lastIndexOf(':') + 1))));
  const own = socketInodes(pid);
  const stranger = listeners().find((one) => ports.has(one.port) && !own.has(one.owner));
  if (stranger && own.size > 0) throw new CampError(portInUse(stranger.port));
}
