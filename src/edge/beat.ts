import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Ms } from '../kit/events.ts';
import { entriesOf, isObject, type JsonObject, objectsOf, stringsOf } from './json.ts';
import { hostsOf } from './tls.ts';

/** A port at which one can see from outside that a Caddy is alive: by a TLS handshake, or an answer to plain HTTP. */
export type Beat =
  | { readonly by: 'handshake'; readonly port: number; readonly host: string }
  | { readonly by: 'answer'; readonly port: number };

/** The first port of a configuration at which anything is served; undefined where nothing is. */
export function beatOf(config: JsonObject): Beat | undefined {
  const apps = isObject(config.apps) ? config.apps : {};
  const http = isObject(apps.http) ? apps.http : {};
  const beats = entriesOf(http.servers).flatMap(([, server]): Beat[] => {
    const port = portsOfServer(server)[0];
    if (port === undefined) return [];
    if (objectsOf(server.tls_connection_policies).length === 0) return [{ by: 'answer', port }];
    const host = hostsOf(server)[0]?.replace(/^\*/, 'camp') ?? 'localhost';
    return [{ by: 'handshake', port, host }];
  });
  return beats.find(({ by }) => by === 'handshake') ?? beats[0];
}

/** Every TCP port that a configuration for a container listens on. */
export function portsOf(config: JsonObject): readonly number[] {
  const apps = isObject(config.apps) ? config.apps : {};
  const http = isObject(apps.http) ? apps.http : {};
  return [...new Set(entriesOf(http.servers).flatMap(([, server]) => portsOfServer(server)))].sort((a, b) => a - b);
}

function portsOfServer(server: JsonObject): number[] {
  return stringsOf(server.listen).flatMap((address) => {
    const port = /^(?:tcp[46]?\/)?[^/]*:(\d+)$/.exec(address)?.[1];
    return port === undefined ? [] : [Number(port)];
  });
}

/** Made once: that is most of what asking costs. No root is needed, because nobody is trusted. */
let shared: SecureContext | undefined;
function context(): SecureContext {
  shared ??= process.getBuiltinModule('node:tls').createSecureContext({ ca: [] });
  return shared;
}

/** Whether anybody listens there. It costs a hundredth of a handshake to be told no. */
export function isListening(host: string, port: number, timeoutMs: Ms): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = process.getBuiltinModule('node:net').connect({ host, port, timeout: timeoutMs });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

/**
 * Whether a Caddy answers on loopback. That somebody accepts the connection says nothing: the engine's proxy does,
 * and closes it again.
 */
export function isAnswering(beat: Beat, timeoutMs: Ms): Promise<boolean> {
  const port = { host: '127.0.0.1', port: beat.port };
  return new Promise((resolve) => {
    const socket: Socket =
      beat.by === 'handshake'
        ? process
            .getBuiltinModule('node:tls')
            .connect({ ...port, servername: beat.host, secureContext: context(), rejectUnauthorized: false }, () =>
              end(true),
            )
        : process.getBuiltinModule('node:net').connect(port, () => socket.write('HEAD / HTTP/1.0\r\n\r\n'));
    const timer = setTimeout(() => end(false), timeoutMs);
    if (beat.by === 'answer') socket.once('data', () => end(true));
    // A refused handshake is an answer too: a name without a certificate.
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code?.startsWith('ERR_SSL') === true));
    socket.once('close', () => end(false));
    function end(answer: boolean): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    }
  });
}
