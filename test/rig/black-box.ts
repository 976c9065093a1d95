import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { UpReport } from '../../src/report/types.ts';
import { type Answer, ask, echo, upgrade } from './client.ts';

/** What runs, as somebody sees it who knows its URLs and its CA and nothing else. */
export interface Site {
  readonly https: number;
  readonly http: number;
  readonly caFile: string;
  readonly urls: readonly string[];
}

export function siteOf({ urls, edge }: Pick<UpReport, 'urls' | 'edge'>): Site {
  return { https: edge?.https ?? 0, http: edge?.http ?? 0, caFile: edge?.caFile ?? '', urls };
}

/** A URL without its port: the machine's own 443 may be somebody's. */
export function withoutPort(url: string): string {
  const { protocol, hostname, pathname } = new URL(url);
  return `${protocol}//${hostname}${pathname}`;
}

export function get(site: Site, url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const { hostname, pathname, search } = new URL(url);
  return ask({ port: site.https, host: hostname, path: `${pathname}${search}`, caFile: site.caFile, headers });
}

const lookup: LookupFunction = (_, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

/** The answer's head, as soon as it is there; its body is the caller's to read. */
export async function open(
  site: Site,
  url: string,
  { method = 'GET', body }: { readonly method?: string; readonly body?: Buffer } = {},
): Promise<IncomingMessage> {
  const { hostname, pathname } = new URL(url);
  const ca = readFileSync(site.caFile);
  const sent = request({
    ...{ host: hostname, servername: hostname, port: site.https, path: pathname, ca, lookup, method },
    agent: false,
    headers: body ? { 'content-length': body.length } : {},
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

export async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

/** The body of one GET over HTTP/2, with nothing to fall back to. */
export async function getByHttp2(site: Site, url: string): Promise<{ readonly status: number; readonly text: string }> {
  const { hostname, pathname } = new URL(url);
  const session = connectHttp2(`https://${hostname}:${site.https}`, {
    ca: readFileSync(site.caFile),
    servername: hostname,
    ALPNProtocols: ['h2'],
    lookup,
  } as Parameters<typeof connectHttp2>[1]);
  try {
    await once(session, 'connect');
    const stream = session.request({ ':path': pathname });
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    return { status: headers[':status'], text };
  } finally {
    session.close();
  }
}

/** Where plain HTTP sends a browser that asks for a path of a host. */
export async function redirectOf({ http }: Site, host: string, path: string): Promise<string> {
  const sent = plainRequest({ host: '127.0.0.1', port: http, path, headers: { host }, agent: false });
  const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
  response.resume();
  return `${response.statusCode} ${withoutPort(response.headers.location ?? 'none:')}`;
}

/** Headers that say which server answered or which request it was: what may differ from one placement to another. */
const ofOneAnswer =
  /^(?:date|server|via|etag|last-modified|x-request-id|traceparent|content-length|transfer-encoding|connection|keep-alive|accept-ranges|vary)$/;

export function lastingHeaders({ headers }: Answer): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !ofOneAnswer.test(name))
      .sort(([one], [other]) => one.localeCompare(other)),
  );
}

/** How a site answers paths and hosts: equal wherever its services run. */
export async function facesOf(site: Site, urls: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const faces: Record<string, unknown> = {};
  for (const url of urls) {
    const answer = await get(site, url);
    const length = answer.text === '' ? 'empty' : createHash('sha256').update(withoutIds(answer.text)).digest('hex');
    faces[url] = { status: answer.status, headers: lastingHeaders(answer), body: length };
  }
  return faces;
}

function withoutIds(text: string): string {
  return text
    .replace(/"requestId":\s*"[^"]*"/g, '"requestId":"…"')
    .replace(/[\da-f]{32}-[\da-f]{16}|[\da-f-]{32,36}/g, '…');
}

/** What reaches the service of probe.mjs through the edge, in words that are equal wherever it runs. */
export async function probeFacts(site: Site, base: string): Promise<Readonly<Record<string, unknown>>> {
  const id = randomUUID();
  const seen = await get(site, `${base}/headers?q=a%20b&x=%2F`, { 'x-request-id': id, cookie: 'c=3', 'x-own': 'ä' });
  const { method, url, headers } = JSON.parse(seen.text) as {
    method: string;
    url: string;
    headers: Record<string, string>;
  };
  const body = Buffer.alloc(8 * 1024 * 1024, 'camp');
  const upload = await open(site, `${base}/upload`, { method: 'POST', body });
  const stream = await open(site, `${base}/events`);
  stream.setEncoding('utf8');
  const [first] = (await once(stream, 'data')) as [string];
  const rest = textOf(stream);
  const goOn = await get(site, `${base}/go-on`);
  const { hostname, pathname } = new URL(base);
  const socket = await upgrade({ port: site.https, host: hostname, path: `${pathname}/ws`, caFile: site.caFile });
  await echo(socket, 'through and back', 10_000);
  socket.destroy();
  return {
    asked: {
      method,
      url,
      host: headers['host']?.replace(/:\d+$/, ''),
      cookie: headers['cookie'],
      own: headers['x-own'],
    },
    isForwarded: headers['x-forwarded-proto'],
    forwardedHost: headers['x-forwarded-host']?.replace(/:\d+$/, ''),
    hasRequestId: headers['x-request-id'] === id && seen.headers['x-request-id'] === id,
    cookies: seen.headers['set-cookie'],
    upload: JSON.parse(await textOf(upload)) as unknown,
    uploadIsWhole: createHash('sha256').update(body).digest('hex'),
    events: [first, goOn.text, await rest],
    http2: await getByHttp2(site, `${base}/livez`),
  };
}
