import { processOriginNs } from '../kit/clock.ts';
import type { Event, Ms } from '../kit/events.ts';
import { CampError, fail, failure } from '../kit/failure.ts';
import type { UpReport } from '../report/types.ts';
import { ask } from './client.ts';
import { stateFolders } from './folders.ts';
import { refuseUnknownServices } from './known-services.ts';
import { type LookRequest, readProject } from './look.ts';
import type { Verb, Verbs } from './verbs.ts';

export interface SteerRequest extends LookRequest {
  onEvent(event: Event): void;
  readonly signal: AbortSignal;
}

/**
 * Restarts the replicas of a service one after another. Throws NOT_RUNNING, UNKNOWN_SERVICE, NO_REPLICAS or what kept it
 * from being ready.
 */
export async function restart(request: SteerRequest, service: string): Promise<void> {
  refuseUnknownServices(readProject(request).project, [service]);
  await steer(request, 'restart', { service });
}

/** Sets replica counts and converges. Throws as `restart` does. */
export async function scale(
  request: SteerRequest,
  counts: ReadonlyMap<string, number>,
  timeoutMs: Ms,
): Promise<UpReport> {
  return (await steer(request, 'scale', {
    counts: [...counts],
    timeoutMs,
    originNs: String(processOriginNs()),
  })) as UpReport;
}

/** `api=3` words as counts. Throws INVALID_SCALE (usage) for anything else. */
export function parseCounts(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const wrong = words.filter((word) => {
    const match = /^([^=]+)=(\d{1,3})$/.exec(word);
    if (match?.[1]) counts.set(match[1], Number(match[2]));
    return !match;
  });
  if (wrong.length > 0 || counts.size === 0)
    throw new CampError(
      failure('usage', 'INVALID_SCALE', `"${wrong.join(' ')}" is not SERVICE=NUMBER, with a number from 0 to 999`, {
        hints: ['camp scale api=3'],
      }),
    );
  return counts;
}

async function steer<V extends Verb>(request: SteerRequest, verb: V, args: Verbs[V]): Promise<unknown> {
  process.chdir(request.dir);
  const result = await ask(stateFolders(request.dir), verb, args, request.onEvent, request.signal);
  if (result === undefined) fail('usage', 'NOT_RUNNING', 'the project is not running', { hints: ['camp up -d'] });
  return result;
}
