import { setTimeout as delay } from 'node:timers/promises';
import type { Ms } from '../../kit/events.ts';
import type { Project, Service } from '../../project/types.ts';
import type { ServiceStatus } from '../../report/types.ts';
import type { Asker } from './asking.ts';
import type { Subject } from './readings.ts';

/** A service that is reached through the edge, and what it answers there when all is well. */
export interface Routed extends Subject {
  readonly url: string;
  readonly placement: ServiceStatus['placement'];
  readonly status: number;
  readonly service: Service | undefined;
}

/** A service that refuses for longer than this is not there to be measured. */
const askedTimes = 5;
const betweenAsksMs: Ms = 200;

/** The routed services, in the order of the project; what has no answer below 500 is none. */
export async function routedOf(
  services: readonly ServiceStatus[],
  project: Project,
  asker: Asker,
): Promise<readonly Routed[]> {
  const asked = services.map(async ({ name, url, placement }): Promise<readonly Routed[]> => {
    if (url === null || !url.startsWith('https:')) return [];
    const status = await answerOf(url, asker);
    if (status === undefined) return [];
    const service = project.services.get(name);
    const language = languageOf(service);
    return [{ name, url, placement, status, service, ...(language ? { language } : {}) }];
  });
  return (await Promise.all(asked)).flat();
}

/** Its status when all is well: one that is not yet at work says so first. */
async function answerOf(url: string, asker: Asker): Promise<number | undefined> {
  for (let times = 1; ; times++) {
    const { status } = await asker.ask(url);
    if (status !== 0 && status < 500) return status;
    if (times === askedTimes) return undefined;
    await delay(betweenAsksMs);
  }
}

/** A program that only others of the project ask. */
export interface Unrouted extends Subject {
  readonly service: Service;
}

/** One program of each language that no routed service is written in. */
export function behind(
  services: readonly ServiceStatus[],
  project: Project,
  routed: readonly Routed[],
): readonly Unrouted[] {
  const seen = new Set(routed.map(({ language }) => language));
  return services.flatMap(({ name, placement }) => {
    const service = project.services.get(name);
    const language = languageOf(service);
    if (placement !== 'process' || !service || !language || seen.has(language)) return [];
    seen.add(language);
    return [{ name, language, service }];
  });
}

/** What a person would call the language of a service; nothing where only an image is known. */
export function languageOf(service: Service | undefined): string | undefined {
  const start = service?.start;
  if (start?.kind === 'static') return 'static';
  return start?.kind === 'command' && start.language !== 'other' ? start.language : undefined;
}

/** One of each language, the first of the project: languages differ in how long a program takes to start, services less. */
export function oneOfEachLanguage(routed: readonly Routed[]): readonly Routed[] {
  const seen = new Set<string>();
  return routed.filter(({ language = 'other' }) => !seen.has(language) && seen.add(language));
}

/** What is killed, and given a second replica: the first that is a program and is reached through the edge. */
export function programOf(routed: readonly Routed[]): Routed | undefined {
  return routed.find(({ placement }) => placement === 'process' || placement === 'container');
}
