import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint, Ms } from '../../kit/events.ts';
import { failuresOf } from '../../kit/failure.ts';
import { type Address, type ProbeAnswer, probeHeldOpen, probePauseMs, probeReadyz, probeTcp } from '../probe.ts';
import { ownAddress } from './endpoints.ts';
import type { Api, ContainerDetail, Healthcheck } from './engine/types.ts';

export interface ReadinessRequest {
  readonly api: Api;
  readonly container: ContainerDetail;
  readonly endpoints: readonly Endpoint[];
  /** The port inside the container that routes lead to; absent where none does. */
  readonly httpPort: number | undefined;
  /** Whether the container's address can be dialled from here. */
  readonly isLocalLinux: boolean;
  /** Another service waits for its health: nothing else will do then. */
  readonly isHealthAwaited: boolean;
  /** Told what the image lacks that its health check is made with: it is not judged by that check. */
  onUncheckable(said: string): void;
  /** Resolves when the engine itself calls the container healthy. */
  healthy(signal: AbortSignal): Promise<void>;
  /** Keeps what the last probe saw, for NOT_READY. */
  onAnswer(answer: ProbeAnswer): void;
}

const probeTimeoutMs: Ms = 2000;
/** What publishes nothing and has no health check is ready when it has lived so long. */
const portlessAfterMs: Ms = 500;
/**
 * A health check that passes while no port is open yet is not believed for so long: databases answer their own tools
 * while they are still being set up, and start anew when that is done (postgres, mysql and mariadb images).
 */
const portsWithinMs: Ms = 5000;

/** Resolves when the container serves; rejects only with the signal's reason. */
export async function awaitReadiness(request: ReadinessRequest, signal: AbortSignal): Promise<void> {
  const { container } = request;
  if (container.healthcheck && (await awaitHealthy(request, container.healthcheck, signal)) === 'healthy') return;
  return awaitServing(request, signal);
}

async function awaitServing(request: ReadinessRequest, signal: AbortSignal): Promise<void> {
  const { endpoints, httpPort, onAnswer } = request;
  const http = httpAddressOf(request);
  if (!http && endpoints.length === 0) return delay(portlessAfterMs, undefined, { signal });
  const probe = http ? () => answersHttp(http, httpPort, request) : () => isAnyOpen(endpoints);
  for (const began = performance.now(); ; ) {
    const answer = await probe();
    signal.throwIfAborted();
    onAnswer(answer);
    if (answer.isReady) return;
    await delay(probePauseMs(began), undefined, { signal });
  }
}

/** Where its HTTP port is reached: published, or, beside an edge in a container, at its own address. */
function httpAddressOf({ container, endpoints, httpPort, isLocalLinux }: ReadinessRequest): Address | undefined {
  const published = endpoints.find((one) => one.containerPort === httpPort);
  if (httpPort === undefined || published) return published && addressOf(published);
  const host = ownAddress(container);
  return isLocalLinux && host !== undefined ? { host, port: httpPort } : undefined;
}

/** `/readyz` is asked of programs that never heard of it, too: any answer below 500 will do (DESIGN section 2). */
async function answersHttp(
  address: Address,
  port: number | undefined,
  { container, isLocalLinux }: ReadinessRequest,
): Promise<ProbeAnswer> {
  const answer = await probeReadyz(address, probeTimeoutMs);
  // the engine's proxy accepts in the container's place, and hangs up
  if (!isHungUp(answer)) return answer;
  const host = ownAddress(container);
  // behind that proxy it accepts by itself: then it is the program that hangs up on a host or a protocol not its own
  if (isLocalLinux && host !== undefined && port !== undefined) {
    const direct = await probeTcp({ host, port }, probeTimeoutMs);
    if (direct.isReady) {
      // it may have begun to listen between the two questions
      const again = await probeReadyz(address, probeTimeoutMs);
      return isHungUp(again) ? direct : again;
    }
  }
  return { isReady: false, said: `nothing listens on port ${port} in the container, or on 127.0.0.1 only` };
}

function isHungUp({ said }: ProbeAnswer): boolean {
  return /: (ECONNRESET|socket hang up)$/.test(said);
}

async function isAnyOpen(endpoints: readonly Endpoint[]): Promise<ProbeAnswer> {
  const answers = await Promise.all(endpoints.map((one) => probeHeldOpen(addressOf(one), probeTimeoutMs)));
  const [first] = answers;
  return answers.find((one) => one.isReady) ?? first ?? { isReady: true, said: 'it has no port' };
}

/** Judged from the start on and more often than its interval says, so that long intervals keep nobody waiting. */
async function awaitHealthy(
  request: ReadinessRequest,
  check: Healthcheck,
  signal: AbortSignal,
): Promise<'healthy' | 'uncheckable'> {
  const done = new AbortController();
  const both = AbortSignal.any([signal, done.signal]);
  try {
    const found = await Promise.race([request.healthy(both), passes(request, check, both)]);
    if (found === 'uncheckable') return found;
    await portsAreOpen(request, both);
    return 'healthy';
  } finally {
    done.abort();
  }
}

async function passes(
  { api, container, isHealthAwaited, onAnswer, onUncheckable }: ReadinessRequest,
  check: Healthcheck,
  signal: AbortSignal,
): Promise<'uncheckable' | undefined> {
  const argv = argvOf(check);
  if (argv.length === 0) return new Promise<never>(() => undefined);
  for (let pause = 100; ; pause = Math.min(pause * 1.5, 1000)) {
    await delay(pause, undefined, { signal });
    const began = performance.now();
    const answer = await runCheck(api, container.id, argv, check.timeoutMs, signal);
    signal.throwIfAborted();
    onAnswer(answer);
    if (answer.isReady) return undefined;
    const absent = isHealthAwaited ? undefined : absentProgram(argv, answer.said);
    if (absent !== undefined) {
      onUncheckable(`its image has no ${absent}, which its health check is made with`);
      return 'uncheckable';
    }
    // a check that costs much is made less often
    pause = Math.max(pause, Math.min(performance.now() - began, 1000));
  }
}

/** The program of a check that is not in the image, in the words of runc and of shells; undefined where the check was made. */
export function absentProgram(argv: readonly string[], said: string): string | undefined {
  const found =
    /exec: \\?"([^"\\]+)\\?": (?:executable file not found|stat .*: no such file)/.exec(said)?.[1] ??
    /(?:^|[\s:])([\w./-]+): (?:command )?not found$/.exec(said)?.[1];
  return found !== undefined && argv.some((word) => word.split(/[\s;&|()]+/).includes(found)) ? found : undefined;
}

function argvOf({ test: [kind, ...words] }: Healthcheck): readonly string[] {
  return kind === 'CMD-SHELL' ? ['/bin/sh', '-c', words.join(' ')] : words;
}

async function runCheck(
  api: Api,
  id: string,
  argv: readonly string[],
  timeoutMs: Ms,
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  try {
    const { exitCode, stdout, stderr } = await api.exec(id, argv, {}, { deadlineMs: timeoutMs || 30_000, signal });
    const words = `${stdout}\n${stderr}`.trim().split('\n').at(-1)?.slice(0, 200);
    return {
      isReady: exitCode === 0,
      said: `the health check ended with ${exitCode}${words ? `: ${words}` : ''}`,
    };
  } catch (error) {
    if (signal.aborted) return { isReady: false, said: 'given up' };
    const [first] = failuresOf(error);
    return { isReady: false, said: `the health check could not be run: ${first?.evidence?.[0] ?? first?.message}` };
  }
}

async function portsAreOpen(request: ReadinessRequest, signal: AbortSignal): Promise<void> {
  const addresses = addressesOf(request);
  if (addresses.length === 0) return;
  for (const began = performance.now(); performance.now() < began + portsWithinMs; ) {
    const answers = await Promise.all(addresses.map((one) => probeHeldOpen(one, probeTimeoutMs)));
    signal.throwIfAborted();
    if (answers.some((one) => one.isReady)) return;
    await delay(probePauseMs(began), undefined, { signal });
  }
}

/** Published ports, or, where there are none and containers are reached directly, those that the image exposes. */
function addressesOf({ container, endpoints, isLocalLinux }: ReadinessRequest): readonly Address[] {
  if (endpoints.length > 0) return endpoints.map(addressOf);
  const host = ownAddress(container);
  if (!isLocalLinux || host === undefined) return [];
  return container.exposedPorts
    .filter((one) => one.endsWith('/tcp'))
    .map((one) => ({ host, port: Number.parseInt(one, 10) }));
}

function addressOf({ address }: Endpoint): Address {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}
