import { CampError, type Failure, fail, failure } from '../kit/failure.ts';
import { nearest } from '../kit/nearest.ts';
import type { Placement } from '../plan/types.ts';
import { profilesOf } from '../project/compose/profiles.ts';
import { at } from '../project/tree.ts';
import type { Project } from '../project/types.ts';

/** Throws UNKNOWN_SERVICE (usage) for every name that is not a service of the project. */
export function refuseUnknownServices(project: Project, names: readonly string[] | undefined): void {
  const unknown = (names ?? []).filter((name) => !project.services.has(name));
  if (unknown.length > 0) throw new CampError(unknown.map((name) => unknownService(name, project)));
}

export function unknownService(name: string, project: Project): Failure {
  const { compose, services } = project;
  const [profile] = compose ? profilesOf(at(compose.tree, 'services', name)) : [];
  if (profile !== undefined)
    return failure('usage', 'UNKNOWN_SERVICE', `service "${name}" is in the profile ${profile}, which is not active`, {
      hints: [`add --profile ${profile}`],
    });
  const meant = nearest(name, [...services.keys()]);
  return failure('usage', 'UNKNOWN_SERVICE', `there is no service "${name}" in ${project.name}`, {
    hints: [meant ? `did you mean ${meant}?` : `services: ${[...services.keys()].join(', ')}`],
  });
}

/** What runs, as far as it is known by now. */
export interface Runs {
  readonly project: Project | undefined;
  placementOf(service: string): Placement['kind'] | undefined;
}

/** Throws UNKNOWN_SERVICE, or NO_REPLICAS (usage) for a service of which no replica ever runs, however many are asked for. */
export function refuseWithoutReplicas(runs: Runs, name: string): void {
  if (runs.project) refuseUnknownServices(runs.project, [name]);
  const kind = runs.placementOf(name);
  if (kind === 'static') refuseSteering(name, 'the edge serves its files', 'camp plan');
  if (kind === 'edge') refuseSteering(name, "camp's own Caddy stands in its place", 'camp plan');
}

/** Throws NO_REPLICAS. */
export function refuseSteering(name: string, why: string, hint: string): never {
  return fail('usage', 'NO_REPLICAS', `service "${name}" has no replica: ${why}`, { hints: [hint] });
}
