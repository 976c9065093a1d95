import { existsSync } from 'node:fs';
import { callControl, NotListening } from '../kit/control.ts';
import type { Event } from '../kit/events.ts';
import { type Holder, readHolder } from '../kit/lock.ts';
import { isAlive } from '../kit/process.ts';
import type { StateFolders } from './folders.ts';
import type { Verb, Verbs } from './verbs.ts';

/** The camp that runs this project, if one does; the working directory is the project's folder. */
export function runningSupervisor(folders: StateFolders): Holder | undefined {
  const holder = readHolder(folders.lock);
  return holder && isAlive(holder) && existsSync(folders.control) ? holder : undefined;
}

/** Asks the supervisor; undefined when nobody listens. Throws the supervisor's failures. */
export async function ask<V extends Verb>(
  folders: StateFolders,
  verb: V,
  args: Verbs[V],
  onEvent: (event: Event) => void,
  signal?: AbortSignal,
): Promise<unknown> {
  try {
    return await callControl(folders.control, { verb, args }, (event) => onEvent(event as Event), signal);
  } catch (error) {
    if (error instanceof NotListening) return undefined;
    throw error;
  }
}
