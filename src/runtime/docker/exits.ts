import type { Ms } from '../../kit/events.ts';
import type { ContainerDetail } from './engine/types.ts';
import type { ReplicaSpec } from './replica.ts';

type Asked = Pick<ReplicaSpec, 'service' | 'httpPort'>;

export function isUp({ status }: ContainerDetail): boolean {
  return status === 'running' || status === 'paused';
}

/** By KILL or TERM from outside; the kernel's killing for memory does not count. */
export function wasKilled({ exitCode, isOomKilled }: ContainerDetail): boolean {
  return !isOomKilled && (exitCode === 137 || exitCode === 143);
}

/** Whether an exit is the last: nothing more is to be done, or nothing would help. `readyFor`: undefined where it never was. */
export function meaningOf(
  exit: ContainerDetail,
  { service, httpPort }: Asked,
  readyFor: Ms | undefined,
): 'over' | 'hopeless' | 'again' {
  if (service.isOneShot || (exit.exitCode === 0 && (readyFor === undefined || httpPort === undefined))) return 'over';
  const { name, maxRetries } = exit.restartPolicy;
  const hasGivenUp = name === 'on-failure' && maxRetries > 0 && exit.restartCount >= maxRetries;
  return hasGivenUp || (exit.isOomKilled && readyFor === undefined) ? 'hopeless' : 'again';
}

/** It has run to its end, and that was all there was to do. */
export function isCompleted(
  code: number | null,
  { service, httpPort }: Asked,
  seen: ContainerDetail | undefined,
): boolean {
  const servesNobody = httpPort === undefined && service.ports.length === 0 && !seen?.healthcheck;
  return code === 0 && (service.isOneShot || servesNobody);
}
