import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import type { Probe } from '../../project/types.ts';
import { type Address, type ProbeAnswer, probeHttp, probePauseMs, probeReadyz, probeTcp } from '../probe.ts';
import { addressOf, type ListenWatch, listenersOfGroup } from './listening.ts';

export interface Readiness {
  /** Absent for a program that listens nowhere. */
  readonly address?: Address;
}

export interface ReadinessRequest {
  readonly pid: number;
  /** The port that PORT names. */
  readonly port: number;
  readonly probe: Probe | undefined;
  /** Whether anything is to reach it: a program that nobody reaches may be ready without a port. */
  readonly isReached: boolean;
  /** How a server that camp knows is asked in its own protocol: it listens on the port that it was told. */
  readonly ask: ((address: Address, timeoutMs: Ms) => Promise<ProbeAnswer>) | undefined;
  readonly listening: ListenWatch;
  /** Keeps what the last probe saw, for NOT_READY. */
  onAnswer(answer: ProbeAnswer): void;
  runProbe(argv: readonly string[]): Promise<ProbeAnswer>;
}

/** A program that ignores PORT is looked for by its sockets after this time. */
const ignoresPortAfterMs: Ms = 400;
/** A program that nobody reaches and that opens no port is ready when it has lived so long. */
const portlessAfterMs: Ms = 1000;
const probeTimeoutMs: Ms = 2000;

/** Resolves when the process is ready; rejects only with the signal's reason. */
export async function awaitReadiness(request: ReadinessRequest, signal: AbortSignal): Promise<Readiness> {
  const { ask, port } = request;
  const address = ask ? { host: '127.0.0.1', port } : await findAddress(request, signal);
  if (!address) return {};
  for (const began = performance.now(); ; ) {
    const answer = await (ask ? ask(address, probeTimeoutMs) : probeOnce(request.probe, address, request.runProbe));
    request.onAnswer(answer);
    signal.throwIfAborted();
    if (answer.isReady) return { address };
    await delay(probePauseMs(began), undefined, { signal });
  }
}

/** One look at whether it serves, by the probe that compose.yaml names or `/readyz`. */
function probeOnce(
  probe: Probe | undefined,
  address: Address,
  runProbe: ReadinessRequest['runProbe'],
): Promise<ProbeAnswer> {
  switch (probe?.kind) {
    case 'tcp':
      return probeTcp(address, probeTimeoutMs);
    case 'exec':
      return runProbe(probe.argv);
    case 'http':
      return probeHttp(address, probe.path, probeTimeoutMs);
    case undefined:
      return probeReadyz(address, probeTimeoutMs);
  }
}

async function findAddress(request: ReadinessRequest, signal: AbortSignal): Promise<Address | undefined> {
  const done = new AbortController();
  const both = AbortSignal.any([signal, done.signal]);
  try {
    return await Promise.race([request.listening.listening(request.port, both), findOtherPort(request, both)]);
  } finally {
    done.abort();
  }
}

async function findOtherPort(request: ReadinessRequest, signal: AbortSignal): Promise<Address | undefined> {
  const began = performance.now();
  await delay(ignoresPortAfterMs, undefined, { signal });
  for (;;) {
    const found = listenersOfGroup(request.pid);
    const best = found.find((one) => one.port === request.port) ?? found[0];
    if (best) return addressOf(best);
    if (!request.isReached && performance.now() - began > portlessAfterMs) return undefined;
    request.onAnswer({ isReady: false, said: `nothing listens on port ${request.port} yet` });
    await delay(200, undefined, { signal });
  }
}
