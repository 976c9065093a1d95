import type { Ms } from '../../kit/events.ts';
import { CampError, type Failure, failure } from '../../kit/failure.ts';
import { describeHolder, holdersOf } from '../../kit/ports.ts';
import { type MigrationsOf, migrationFailure } from '../migration.ts';
import { engineFailure } from './compose-failures.ts';
import { refusalOf } from './engine/failures.ts';

/** Of what a container's failures speak. */
export interface Subject {
  readonly service: string;
  /** Bytes; 0 for no limit. */
  readonly memoryLimit: number;
  /** The kernel killed it for its memory: no other failure says more. */
  readonly isOomKilled: boolean;
  /** Where its migrations are, where it is built from a folder. */
  readonly migrations?: MigrationsOf;
}

/** It ended before it was ready. */
export function earlyExit(subject: Subject, code: number | null, tail: readonly string[]): Failure {
  const cause = knownCause(subject, tail);
  if (cause) return cause;
  const { service } = subject;
  return failure('service', 'EXITED_EARLY', `service "${service}" ended ${inWords(code)} before it was ready`, {
    hints: [`camp logs ${service}`],
    evidence: tail,
  });
}

/** Started again and again, and always ended. */
export function crashLoopFailure(subject: Subject, code: number | null, tail: readonly string[]): Failure {
  const cause = knownCause(subject, tail);
  if (cause) return cause;
  const { service } = subject;
  return failure(
    'service',
    'CRASH_LOOP',
    `service "${service}" keeps ending ${inWords(code)}: camp has stopped starting it`,
    { hints: [`camp logs ${service}`], evidence: tail },
  );
}

function knownCause(subject: Subject, tail: readonly string[]): Failure | undefined {
  if (subject.isOomKilled) return outOfMemory(subject, tail);
  return subject.migrations && migrationFailure(subject.migrations, tail);
}

/** The kernel killed it for its memory. */
function outOfMemory({ service, memoryLimit }: Subject, tail: readonly string[]): Failure {
  const limit = memoryLimit > 0 ? `its limit of ${inMiB(memoryLimit)}` : 'what this machine has';
  return failure('service', 'OUT_OF_MEMORY', `service "${service}" was killed: it used more memory than ${limit}`, {
    hints: [
      memoryLimit > 0 ? `a higher mem_limit of ${service} in compose.yaml` : 'docker stats',
      `camp logs ${service}`,
    ],
    evidence: tail,
  });
}

/** It lives, but does not say that it is ready. */
export function notReady(
  { service }: Subject,
  afterMs: Ms,
  said: string | undefined,
  tail: readonly string[],
): Failure {
  return failure(
    'service',
    'NOT_READY',
    `service "${service}" was not ready after ${Math.round(afterMs / 100) / 10} s`,
    {
      hints: [`camp logs ${service}`, 'camp up --timeout 120'],
      evidence: [...(said ? [`last probe: ${said}`] : []), ...tail],
    },
  );
}

/** Somebody else has removed it. */
function containerGone(service: string): Failure {
  return failure('machine', 'CONTAINER_GONE', `the container of ${service} is not there`, { hints: ['camp up'] });
}

/** Throws CONTAINER_GONE (machine). */
export function refuseGone(replica: string): never {
  throw new CampError(containerGone(replica));
}

/** The engine did not start it, and why. */
export function cannotStart(service: string, error: unknown): CampError {
  const refusal = refusalOf(error);
  if (refusal && /no such container|marked for removal/i.test(refusal.message))
    return new CampError(containerGone(service));
  if (refusal) return new CampError(startFailure(service, [refusal.message]));
  if (error instanceof CampError) return error;
  throw error;
}

/** Exported for its test: the engine's words are the input. */
export function startFailure(service: string, words: readonly string[]): Failure {
  const text = words.join('\n');
  const evidence = words;
  const port =
    /(?:127\.0\.0\.1|0\.0\.0\.0|\[?::\]?):(\d+)(?:\/tcp)?[^\n]*(?:port is already allocated|address already in use)|listen (?:tcp|udp)\d? [^\n]*?:(\d+): bind: address already in use|Bind for [^\n]*:(\d+) failed/i.exec(
      text,
    );
  if (port) {
    const number = Number(port[1] ?? port[2] ?? port[3]);
    const who = holdersOf(number).length > 0 ? describeHolder(number) : 'another container or process';
    return failure('machine', 'PORT_IN_USE', `service "${service}" wants port ${number}, which ${who} holds`, {
      hints: [`stop ${who}, or publish another port in compose.yaml`],
      evidence,
    });
  }
  // engine 28 does not always say which
  if (/address already in use|port is already allocated/i.test(text))
    return failure('machine', 'PORT_IN_USE', `service "${service}" wants a port that somebody else holds`, {
      hints: [`docker ps, or publish another port of ${service} in compose.yaml`],
      evidence,
    });
  const program =
    /exec: "([^"]*)": [^\n]*|exec (\S+): (?:exec format error|no such file or directory|permission denied)/i.exec(text);
  if (program)
    return failure(
      'service',
      'SPAWN_FAILED',
      `service "${service}": ${program[1] ?? program[2]} cannot be started in its image`,
      {
        hints: [`correct the command or entrypoint of ${service} in compose.yaml, or its image`],
        evidence,
      },
    );
  const known = engineFailure(words);
  if (known) return { ...known, message: `service "${service}": ${known.message}` };
  return failure('machine', 'START_REFUSED', `the engine does not start service "${service}": ${words[0] ?? ''}`, {
    hints: [`look at service ${service} in compose.yaml`, 'camp doctor'],
    evidence,
  });
}

/** What can be started again, but not by this container: its network is not there any more. */
export function isNetworkGone(error: unknown): boolean {
  if (!(error instanceof CampError)) return false;
  const words = error.failures[0]?.evidence?.join('\n') ?? '';
  return /network \S+ not found|could not find (?:a )?network/i.test(words);
}

function inWords(code: number | null): string {
  return code === null ? 'without a word' : `with code ${code}`;
}

function inMiB(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
