import { type Failure, failure } from '../kit/failure.ts';
import type { Service } from './types.ts';

/** What to say of a service that runs as a process: NOT_READ for each key that only a container acts on. */
export function notReadByProcess({ name, unread }: Service): readonly Failure[] {
  return unread.map(({ key, source }) =>
    failure('project', 'NOT_READ', `service "${name}" runs as a process, which has no ${key}`, {
      hints: [`give the program what it needs of ${key} by environment, or let Docker run it`],
      source,
    }),
  );
}
