import type { Service } from '../project/types.ts';
import type { Graph } from './graph.ts';
import { countOf, runtimeOf } from './replica-counts.ts';
import { staleCause } from './stale.ts';
import type { Observed, PlanOptions, Wanted } from './types.ts';

/** Images and containers come from Compose, all in one go; what is there and only stopped is started again as it is. */
export function planContainers(
  graph: Graph,
  services: readonly Service[],
  want: Wanted,
  have: Observed,
  options: PlanOptions,
): readonly number[] {
  const missing: string[] = [];
  const replaced: string[] = [];
  for (const { name } of services.filter((one) => runtimeOf(one.name, want) === 'container')) {
    const existing = have.replicas.filter((one) => one.service === name && one.runtime === 'container');
    const kept = existing.filter((one) => one.index <= countOf(name, want));
    if (kept.some((one) => staleCause(one, want, have, options))) replaced.push(name);
    else if (kept.length < countOf(name, want)) missing.push(name);
  }
  const edge = want.edge === 'container' && have.edge !== 'container';
  const all = [...missing, ...replaced];
  if (all.length === 0 && !edge) return [];
  const unbuilt = all.filter((name) => have.builds.has(name));
  const build =
    unbuilt.length > 0 ? [graph.add('build', 'images', buildCause(unbuilt, have), [], { services: unbuilt })] : [];
  const causes = [
    [[...missing, ...(edge ? ['edge'] : [])], 'not there'],
    [replaced, 'not as wanted'],
  ] as const;
  const cause = causes.flatMap(([names, what]) => (names.length > 0 ? [`${names.join(', ')} ${what}`] : [])).join('; ');
  return [graph.add('create', 'containers', cause, build, { services: all, replaced, edge })];
}

function buildCause(unbuilt: readonly string[], have: Observed): string {
  return unbuilt.map((name) => `${name}: ${have.builds.get(name)}`).join('; ');
}
