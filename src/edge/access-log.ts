import { entriesOf, isObject, type Json, type JsonObject, objectAt, stringsOf } from './json.ts';

/** Where each request's line goes: a file that Caddy writes itself, or its own output, where it may write none. */
export type AccessLog = { readonly file: string } | 'output';

const name = 'camp';
const logger = `http.log.access.${name}`;
/** In each line of it, because several logs may end in one output. */
const marked = { camp: 'access' } as const;

/**
 * The requests of every server, also of those that the Caddyfile logs elsewhere, without their headers and queries, which may be
 * secrets. With the id that correlation gives to each.
 */
export function logAccess(config: JsonObject, servers: Json | undefined, to: AccessLog): void {
  for (const [, server] of entriesOf(servers)) keepLines(server);
  const logs = objectAt(objectAt(config, 'logging'), 'logs');
  const standard = objectAt(logs, 'default');
  standard.exclude = [...stringsOf(standard.exclude), logger];
  logs[name] = {
    level: 'INFO',
    // with those of the Caddyfile, whose names go on from here
    include: ['http.log.access'],
    encoder: { format: 'append', fields: { ...marked }, wrap: { format: 'filter', wrap: { format: 'json' }, fields } },
    ...(to === 'output' ? {} : { writer: fileWriter(to.file) }),
  };
}

const gone: JsonObject = { filter: 'delete' };
const fields: JsonObject = {
  'request>headers': gone,
  'request>tls': gone,
  resp_headers: gone,
  user_id: gone,
  'request>uri': { filter: 'regexp', regexp: '\\?.*$', value: '' },
};

function fileWriter(path: string): JsonObject {
  // in its own names of files Caddy fills in placeholders: braces of a folder's name are none
  const filename = path.replace(/[{}]/g, '\\$&');
  return { output: 'file', filename, mode: '0600', roll: true, roll_gzip: false, roll_size_mb: 10, roll_keep: 1 };
}

/** A server that logs says itself which of its hosts; all others are logged for camp alone. */
function keepLines(server: JsonObject): void {
  const logs = objectAt(server, 'logs');
  if (logs.default_logger_name !== undefined) return;
  logs.default_logger_name = name;
  delete logs.skip_hosts;
  delete logs.skip_unmapped_hosts;
}

/** Handlers after which the line has the ids of its request, who answered it, and when it came: the line itself is written late by a busy machine. */
export function accessLogFields(): JsonObject[] {
  return [
    { handler: 'log_append', key: 'began', value: '{http.vars.start_time}' },
    { handler: 'log_append', key: 'requestId', value: '{http.request.header.X-Request-Id}' },
    { handler: 'log_append', key: 'traceId', value: '{camp_trace}' },
    // who answered, if it was not the edge itself: the last of them, after retries
    { handler: 'log_append', key: 'upstream', value: '{http.reverse_proxy.upstream.hostport}' },
    { handler: 'log_append', key: 'upstreamStatus', value: '{http.reverse_proxy.status_code}' },
  ];
}

/** Whether a line of Caddy's output belongs to the access log that goes there. */
export function isAccessLine(raw: string): boolean {
  return raw.startsWith('{') && raw.includes('"camp":"access"');
}

/** What a line of the access log says; undefined for what is none. */
export interface AccessEntry {
  /** When the request came, in milliseconds since the epoch. */
  readonly beganAt: number;
  readonly requestId: string;
  readonly traceId: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  /** Address of the replica that was asked last; empty where the edge answered by itself. */
  readonly upstream: string;
  /** What a replica has answered; 0 where none has. */
  readonly upstreamStatus: number;
}

/** Reads a line of the access log. */
export function parseAccessLine(raw: string): AccessEntry | undefined {
  if (!isAccessLine(raw)) return undefined;
  let entry: Json;
  try {
    entry = JSON.parse(raw) as Json;
  } catch {
    return undefined; // cut off by a full disk or a kill
  }
  const request = isObject(entry) ? entry.request : undefined;
  if (!isObject(entry) || !isObject(request)) return undefined;
  const ms = Math.round(Number(entry.duration ?? 0) * 10_000) / 10;
  return {
    beganAt: typeof entry.began === 'number' ? entry.began * 1000 : Number(entry.ts) * 1000 - ms,
    requestId: String(entry.requestId ?? ''),
    traceId: String(entry.traceId ?? ''),
    method: String(request.method ?? ''),
    host: String(request.host ?? ''),
    path: String(request.uri ?? ''),
    status: Number(entry.status ?? 0),
    ms,
    upstream: String(entry.upstream ?? ''),
    upstreamStatus: Number(entry.upstreamStatus ?? 0) || 0,
  };
}
