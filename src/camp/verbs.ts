import type { ControlHandler, Send } from '../kit/control.ts';
import type { Event, Ms } from '../kit/events.ts';
import { CampError, failure } from '../kit/failure.ts';
import { refuseSteering, refuseWithoutReplicas } from './known-services.ts';
import { type Selection, selectionOf } from './selection.ts';
import type { Supervisor } from './supervisor.ts';

/** What a camp command may ask of the supervisor that runs the project. */
export interface Verbs {
  status: Record<string, never>;
  /** Resolves when what services have written so far is in the log files. */
  flush: Record<string, never>;
  /** What containers use, which only an engine knows. */
  memory: Record<string, never>;
  /** What the planner of another process needs to know. */
  observed: Record<string, never>;
  /** Where replicas are reached without the edge. */
  endpoints: Record<string, never>;
  /** The environment of a service that is placed as a process, secrets among it. */
  environment: { readonly service: string };
  converge: Selection & {
    readonly only?: readonly string[];
    readonly timeoutMs: Ms;
    readonly originNs: string;
  };
  restart: { readonly service: string };
  scale: { readonly counts: readonly (readonly [string, number])[]; readonly timeoutMs: Ms; readonly originNs: string };
  /** Sends `attached` and every event until the caller hangs up or the project ends. */
  attach: Record<string, never>;
  stop: { readonly isForced: boolean };
}

export type Verb = keyof Verbs;

/** Answers the verbs of the control socket. */
export function answerVerbs(supervisor: Supervisor, originNs: bigint): ControlHandler {
  const since = (ns: string): Ms => Number(BigInt(ns) - originNs) / 1e6;
  return async ({ verb, args }, send, signal) => {
    try {
      return await answer(verb, args, send, signal);
    } catch (error) {
      throw supervisor.ending.aborted && !(error instanceof CampError) ? new CampError(beingStopped) : error;
    }
  };

  async function answer(verb: string, args: unknown, send: Send, signal: AbortSignal): Promise<unknown> {
    switch (verb as Verb) {
      case 'status':
        return supervisor.status();
      case 'flush':
        return supervisor.flushLogs();
      case 'memory':
        return (await import('./container-memory.ts')).containerMemory(supervisor);
      case 'observed':
        return supervisor.observed();
      case 'endpoints':
        return supervisor.endpoints();
      case 'environment':
        return supervisor.environmentOf((args as Verbs['environment']).service);
      case 'converge': {
        const { only, timeoutMs, originNs: from, ...selection } = args as Verbs['converge'];
        const originMs = since(from);
        return streaming(
          supervisor,
          send,
          () => supervisor.converge({ timeoutMs, originMs, ...selectionOf(selection), ...(only ? { only } : {}) }),
          originMs,
        );
      }
      case 'restart': {
        const { service } = args as Verbs['restart'];
        refuseStopped(supervisor, service);
        return streaming(supervisor, send, () => supervisor.restart(service));
      }
      case 'scale': {
        const { counts, timeoutMs, originNs: from } = args as Verbs['scale'];
        const originMs = since(from);
        return streaming(supervisor, send, () => supervisor.scale(new Map(counts), timeoutMs, originMs), originMs);
      }
      case 'attach':
        return attach(supervisor, send, signal);
      case 'stop':
        return streaming(supervisor, send, () => supervisor.stop((args as Verbs['stop']).isForced));
      default:
        throw new CampError(
          failure('usage', 'UNKNOWN_VERB', `the running camp does not know "${verb}": it is another version`, {
            hints: ['camp down', 'camp up'],
          }),
        );
    }
  }
}

/** What was asked for did not get its turn any more, or was given up. */
export const beingStopped = failure('usage', 'NOT_RUNNING', 'the project is being stopped', { hints: ['camp up -d'] });

/** Who saves a file of a service that is stopped wants no restart; who asks for one is told that there is none. */
function refuseStopped(supervisor: Supervisor, service: string): void {
  refuseWithoutReplicas(supervisor, service);
  const found = supervisor.status().services.find(({ name }) => name === service);
  if (found?.state !== 'stopped') return;
  refuseSteering(service, 'it is stopped', found.replicas === 0 ? `camp scale ${service}=1` : `camp up ${service}`);
}

/** Sends what happens while the work is done, in times that count from when the asking command was started. */
async function streaming<T>(supervisor: Supervisor, send: Send, work: () => Promise<T>, originMs: Ms = 0): Promise<T> {
  const unsubscribe = supervisor.subscribe((event: Event) => {
    if (event.type !== 'output') send({ ...event, t: event.t - originMs });
  });
  try {
    return await work();
  } finally {
    unsubscribe();
  }
}

/** From the subscription on nothing is missed; what was written before it is in the files when `attached` is said. */
async function attach(supervisor: Supervisor, send: Send, signal: AbortSignal): Promise<void> {
  let left = 0;
  const unsubscribe = supervisor.subscribe((event) => {
    if (!send(event)) left++;
    else if (
      left > 0 &&
      send({ type: 'note', t: event.t, message: `${left} lines were left out: read them with camp logs` })
    )
      left = 0;
  });
  await supervisor.flushLogs();
  send({ type: 'attached' });
  return new Promise((resolve) => {
    const end = (): void => {
      unsubscribe();
      resolve();
    };
    if (signal.aborted || supervisor.ending.aborted) return end();
    signal.addEventListener('abort', end, { once: true });
    supervisor.ending.addEventListener('abort', end, { once: true });
  });
}
