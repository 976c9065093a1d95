import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Agent, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import type { Ms } from '../kit/events.ts';
import { fail } from '../kit/failure.ts';
import { lookupLoopback } from '../kit/loopback.ts';
import type { Route } from './types.ts';
import { refusalOf } from './verify-peer.ts';

/** One request may be held by the edge while the service starts; each next one is given longer. */
const firstTimeoutMs: Ms = 3000;
const maxPauseMs: Ms = 100;

export interface Prober {
  /** The status of the first answer below 500. Throws NOT_READY (service) with the last answer at the deadline. */
  firstRequest(route: Route, deadlineMs: Ms, signal: AbortSignal): Promise<number>;
  /** Does what the first request would have to do before it can be sent, while there is nothing else to do. */
  prepare(): void;
  close(): void;
}

/**
 * Asks as a client would: verified against the CA's root, by name, to loopback. Any 2xx counts at once, and so
 * does any other answer below 500: it is the service's own (a login page, a 404 at its root), no time will change it.
 */
export function createProber(caFile: string): Prober {
  const agents = new Map<string, Agent>();
  /** A connection is for one host, and shows its certificates only once. */
  const verified = new WeakSet<Socket>();
  let root: X509Certificate | undefined;
  return {
    prepare() {
      agentFor('https:');
    },
    async firstRequest(route, deadlineMs, signal) {
      const url = new URL(route.url);
      const deadline = performance.now() + deadlineMs;
      let last = 'no answer';
      for (let attempt = 0; ; attempt++) {
        const left = deadline - performance.now();
        if (left <= 0) notReady(route, deadlineMs, last);
        try {
          const answer = await ask(url, Math.min(left, firstTimeoutMs * 2 ** Math.min(attempt, 4)), signal);
          if (answer.status < 500) return answer.status;
          last = `${answer.status}${answer.text ? `: ${answer.text}` : ''}`;
        } catch (error) {
          signal.throwIfAborted();
          const words = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
          // The deadline cuts the last request short, which says less than the answer before it.
          if (!words.startsWith('no answer') || last === 'no answer') last = words;
        }
        await delay(Math.min(maxPauseMs, 10 * 1.3 ** attempt, Math.max(0, deadline - performance.now())), undefined, {
          signal,
        });
      }
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };

  /** No CA is given to Node: it would parse all its own roots first. Who answers is verified when it does (verify-peer.ts). */
  function agentFor(protocol: string): Agent {
    const known = agents.get(protocol);
    if (known) return known;
    const { Agent } = builtin(protocol);
    const agent =
      protocol === 'https:'
        ? new Agent({
            keepAlive: true,
            secureContext: process.getBuiltinModule('node:tls').createSecureContext({ ca: [] }),
            rejectUnauthorized: false,
          })
        : new Agent({ keepAlive: true });
    agents.set(protocol, agent);
    return agent;
  }

  /** Throws when whoever answered is not our edge with a certificate for this host. */
  function verify(socket: Socket, host: string): void {
    if (!('encrypted' in socket) || verified.has(socket)) return;
    root ??= new X509Certificate(readFileSync(caFile));
    const refusal = refusalOf(socket as TLSSocket, host, root);
    if (refusal) throw new Error(refusal);
    verified.add(socket);
  }

  async function ask(url: URL, timeoutMs: Ms, signal: AbortSignal): Promise<{ status: number; text: string }> {
    // Imported at the first use: nothing of TLS is needed before the edge is up.
    const { request } = builtin(url.protocol);
    const agent = agentFor(url.protocol);
    return await new Promise((resolve, reject) => {
      const options: RequestOptions = {
        agent,
        lookup: lookupLoopback,
        signal,
        headers: { accept: '*/*', 'user-agent': 'camp' },
      };
      const asked = request(url, options, (response) => {
        try {
          verify(response.socket, url.hostname);
        } catch (error) {
          asked.destroy(error as Error);
          return;
        }
        void beginningOf(response).then((text) => {
          clearTimeout(timeout);
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      const timeout = setTimeout(
        () => asked.destroy(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
        timeoutMs,
      );
      asked.on('error', (error) => {
        clearTimeout(timeout);
        reject(error);
      });
      asked.end();
    });
  }
}

/** Loaded when it is needed, and not by `import`, which would read all exports of a builtin and load undici with them. */
function builtin(protocol: string): typeof import('node:https') | typeof import('node:http') {
  return process.getBuiltinModule(protocol === 'https:' ? 'node:https' : 'node:http');
}

/** The first words of a failed answer, for the message; a good answer is not read: it may never end. */
async function beginningOf(response: IncomingMessage): Promise<string> {
  if ((response.statusCode ?? 0) < 500) {
    response.resume();
    const close = setTimeout(() => response.destroy(), 1000);
    close.unref();
    response.once('close', () => clearTimeout(close));
    response.on('error', () => undefined);
    return '';
  }
  let text = '';
  try {
    for await (const chunk of response) {
      text += (chunk as Buffer).toString('utf8');
      if (text.length > 300) break;
    }
  } catch {
    // the status is what counts
  }
  return text.replace(/\s+/g, ' ').trim().slice(0, 200);
}

function notReady(route: Route, deadlineMs: Ms, last: string): never {
  fail(
    'service',
    'NOT_READY',
    `${route.service} did not answer at ${route.url} within ${(deadlineMs / 1000).toFixed(1)} s`,
    {
      hints: [`camp logs ${route.service}`],
      evidence: [`last answer: ${last}`],
    },
  );
}
