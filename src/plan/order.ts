import type { Service } from '../project/types.ts';
import type { Wanted } from './types.ts';

/** Services that are asked for, and what those depend on; all, where nothing is said. */
export function selected(want: Wanted, only: readonly string[] | undefined): readonly Service[] {
  if (!only) return [...want.services.values()];
  const names = new Set<string>();
  const take = (name: string): void => {
    const service = want.services.get(name);
    if (!service || names.has(name)) return;
    names.add(name);
    for (const needed of service.dependsOn.keys()) take(needed);
  };
  only.forEach(take);
  return [...want.services.values()].filter((service) => names.has(service.name));
}

/** Dependencies first; the project has no cycle, `loadProject` has seen to that. */
export function inOrder(services: readonly Service[]): readonly Service[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const ordered = new Set<Service>();
  const visit = (service: Service): void => {
    if (ordered.has(service)) return;
    for (const name of service.dependsOn.keys()) {
      const needed = byName.get(name);
      if (needed) visit(needed);
    }
    ordered.add(service);
  };
  services.forEach(visit);
  return [...ordered];
}
