import type { Ms } from '../../kit/events.ts';
import { type Failure, failure } from '../../kit/failure.ts';
import { describeHolder, holdersOf } from '../../kit/ports.ts';
import { type MigrationsOf, migrationFailure } from '../migration.ts';
import type { ProbeAnswer } from '../probe.ts';
import type { ReplicaSpec } from './replica-spec.ts';

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** The system did not execute its program: whose program it is, and what to do. */
export function cannotStart(spec: ReplicaSpec, found: Failure): Failure {
  const hints =
    found.hints.length > 0
      ? found.hints
      : [`install ${spec.argv[0]}, or correct the command of ${spec.service} in compose.yaml`, `ls -ld ${spec.cwd}`];
  return { ...found, message: `service "${spec.service}": ${found.message}`, hints };
}

/** What it ended of, where that is known and another start would not help. */
export function knownCause(spec: ReplicaSpec, tail: readonly string[]): Failure | undefined {
  return spec.server ? spec.server.explain(tail) : migrationFailure(migrationsOf(spec), tail);
}

/** It ended before it was ready. */
export function earlyExit(spec: ReplicaSpec, exit: Exit, tail: readonly string[]): Failure {
  return (
    knownCause(spec, tail) ??
    portTaken(spec, tail) ??
    failure('service', 'EXITED_EARLY', `service "${spec.service}" ended ${inWords(exit)} before it was ready`, {
      hints: [spec.server ? `camp logs ${spec.service}` : `camp run ${spec.service} -- ${spec.argv.join(' ')}`],
      evidence: evidence(spec, tail),
    })
  );
}

/** Started again and again, and always ended. */
export function crashLoopFailure(spec: ReplicaSpec, exit: Exit, tail: readonly string[]): Failure {
  return (
    knownCause(spec, tail) ??
    portTaken(spec, tail) ??
    failure(
      'service',
      'CRASH_LOOP',
      `service "${spec.service}" keeps ending ${inWords(exit)}: camp has stopped starting it`,
      {
        hints: [`camp logs ${spec.service}`],
        evidence: evidence(spec, tail),
      },
    )
  );
}

/** It lives, but does not say that it is ready. */
export function notReady(
  spec: ReplicaSpec,
  afterMs: Ms,
  answer: ProbeAnswer | undefined,
  tail: readonly string[],
): Failure {
  const words = `service "${spec.service}" was not ready after ${Math.round(afterMs / 100) / 10} s`;
  // a PostgreSQL whose disk is full starts its recovery again and again, and never ends
  return (
    spec.server?.explain(tail) ??
    failure('service', 'NOT_READY', words, {
      hints: [`camp logs ${spec.service}`, 'camp up --timeout 120'],
      evidence: [`last probe: ${answer?.said ?? `nothing listens on port ${spec.port}`}`, ...evidence(spec, tail)],
    })
  );
}

/** The words that Node, Python, Go and the C library use for EADDRINUSE. */
const addressInUse = /EADDRINUSE|address already in use/i;

/** A program that died because a stranger holds its port: the machine's fault, and the holder can be named. */
function portTaken(spec: ReplicaSpec, tail: readonly string[]): Failure | undefined {
  const line = tail.findLast((one) => addressInUse.test(one));
  if (!line) return undefined;
  const port = Number(/:(\d{2,5})\b/.exec(line)?.[1] ?? /port:?\s*(\d{2,5})/i.exec(tail.join('\n'))?.[1] ?? spec.port);
  const who = holdersOf(port).length > 0 ? describeHolder(port) : 'another process';
  return failure('machine', 'PORT_IN_USE', `service "${spec.service}" wants port ${port}, which ${who} holds`, {
    hints: [`let it listen on the port that the variable PORT names, or stop ${who}`],
    evidence: evidence(spec, tail),
  });
}

function migrationsOf({ service, cwd, projectDir = cwd }: ReplicaSpec): MigrationsOf {
  return { service, folder: cwd, projectDir };
}

function inWords(exit: Exit): string {
  return exit.signal ? `by ${exit.signal}` : `with code ${exit.code}`;
}

function evidence(spec: ReplicaSpec, tail: readonly string[]): readonly string[] {
  return [`command: ${spec.argv.join(' ')}`, ...tail];
}
