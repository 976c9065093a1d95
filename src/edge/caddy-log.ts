/** One line of Caddy's own log, understood. */
export interface CaddyLine {
  readonly level: string;
  readonly text: string;
}

/** What Caddy warns of at each start and camp does on purpose. */
const expected = [
  'admin endpoint on open interface; host checking disabled',
  '$HOME environment variable is empty',
  'HTTP/2 skipped because it requires TLS',
  'HTTP/3 skipped because it requires TLS',
  'exiting; byeee',
  // a request outlives the configuration that it came in under, as it should
  'server shutdown',
  'stapling OCSP',
  // one of camp's own, which is replaced in time, or a file of the project's, which is the project's
  'unmanaged certificate expires',
  'conditionally fallback to',
  // the visitor has gone while it asked
  'SRV lookup failed; using previously cached',
];

/**
 * A plain line for one line of Caddy's JSON log, or undefined for what nobody needs to read: progress,
 * and warnings about what camp does on purpose. Access logs that the Caddyfile asks for are kept.
 */
export function plainLine(raw: string): CaddyLine | undefined {
  const entry = parse(raw);
  if (!entry) return plainText(raw);
  const level = String(entry.level ?? 'info');
  const logger = String(entry.logger ?? '');
  const message = String(entry.msg ?? '');
  if (logger.startsWith('http.log.access')) return { level, text: accessLine(entry) };
  if (level === 'info' || expected.some((each) => message.includes(each))) return undefined;
  const detail = entry.error ?? entry.err ?? entry.reason;
  const where = requestOf(entry);
  return {
    level,
    text: [
      `caddy ${level}: ${message || logger}`,
      ...(detail === undefined ? [] : [String(detail)]),
      ...(where ? [where] : []),
    ].join(': '),
  };
}

/** Its storage logs in columns (`1.79e+09<TAB>info<TAB>...`); a panic is plain text and is shown. */
function plainText(raw: string): CaddyLine | undefined {
  const columns = /^[\d.]+(?:e\+\d+)?\t(\w+)\t(.*)$/.exec(raw);
  if (columns?.[1] === 'info' || columns?.[1] === 'debug' || raw.trim() === '') return undefined;
  return columns
    ? { level: columns[1] ?? 'warn', text: `caddy ${columns[1]}: ${columns[2]}` }
    : { level: 'error', text: raw };
}

function parse(raw: string): Record<string, unknown> | undefined {
  if (!raw.startsWith('{')) return undefined;
  try {
    return JSON.parse(raw) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function requestOf(entry: Record<string, unknown>): string | undefined {
  const request = entry.request as Record<string, unknown> | undefined;
  if (typeof request !== 'object' || request === null) return undefined;
  return `${String(request.method)} ${String(request.host)}${String(request.uri)}`;
}

function accessLine(entry: Record<string, unknown>): string {
  const ms = Math.round(Number(entry.duration ?? 0) * 1000);
  return `${requestOf(entry) ?? 'request'} ${String(entry.status ?? '?')} ${ms} ms`;
}
