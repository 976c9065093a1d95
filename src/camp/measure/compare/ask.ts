import { existsSync, readFileSync } from 'node:fs';
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
} from 'node:http';
import { request as tlsRequest } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Ms } from '../../../kit/events.ts';
import { lookupLoopback } from '../../../kit/loopback.ts';
import type { Port } from '../../../project/types.ts';

/** What is asked, of whichever server: the port is its own. */
export interface Question {
  readonly host: string;
  readonly isTls: boolean;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Ports of a server, and whose signature its certificates must have. */
export interface Where {
  readonly https: Port;
  readonly http: Port;
  readonly caFile: string;
  /** The port that its redirect leads to, where that is not `https`: one that somebody else forwards from. */
  readonly redirectsTo?: Port;
}

const timeoutMs: Ms = 5000;
const mostBody = 1_000_000;

const contexts = new Map<string, { readonly pem: string; readonly context: SecureContext }>();

/** Undefined while the authority is not there yet. Parsed once: it would be done again for each request. */
export function trusting(caFile: string): SecureContext | undefined {
  if (!existsSync(caFile)) return undefined;
  const pem = readFileSync(caFile, 'utf8');
  const known = contexts.get(caFile);
  if (known?.pem === pem) return known.context;
  if (!pem.includes('END CERTIFICATE')) return undefined;
  const context = createSecureContext({ ca: pem });
  contexts.set(caFile, { pem, context });
  return context;
}

/** One request over a connection of its own, verified by name against the one authority; in words why there was no answer. */
export function ask(where: Where, question: Question, signal: AbortSignal): Promise<Answer | string> {
  return new Promise((resolve) => {
    const context = question.isTls ? trusting(where.caFile) : undefined;
    if (question.isTls && !context) return resolve('its authority has made no certificate yet');
    const options: RequestOptions = {
      host: question.host,
      port: question.isTls ? where.https : where.http,
      path: question.path,
      headers: { accept: '*/*', ...question.headers },
      agent: false,
      lookup: lookupLoopback,
      timeout: timeoutMs,
      signal,
      ...(context ? { secureContext: context, servername: question.host } : {}),
    };
    const receive = (response: IncomingMessage): void => {
      const parts: Buffer[] = [];
      let bytes = 0;
      const end = (): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString('utf8'),
        });
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        parts.push(part);
        // a stream of events never ends: its beginning is enough
        if (bytes > mostBody) response.destroy();
      });
      response.on('end', end);
      response.on('close', end);
      response.on('error', (error) => resolve(error.message));
    };
    const asked = question.isTls ? tlsRequest(options, receive) : plainRequest(options, receive);
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end();
  });
}
