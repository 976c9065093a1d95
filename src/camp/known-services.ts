import { CampError, type Failure, failure } from '../kit/failure.ts';
import { nearest } from '../kit/nearest.ts';
import type { Project } from '../project/types.ts';

/** Throws UNKNOWN_SERVICE (usage) for every name that is not a service of the project. */
export function refuseUnknownServices(project: Project, names: readonly string[] | undefined): void {
  const unknown = (names ?? []).filter((name) => !project.services.has(name));
  if (unknown.length > 0) throw new CampError(unknown.map((name) => unknownService(name, project)));
}

export function unknownService(name: string, project: Project): Failure {
  const meant = nearest(name, [...project.services.keys()]);
  return failure('usage', 'UNKNOWN_SERVICE', `there is no service "${name}" in ${project.name}`, {
    hints: [meant ? `did you mean ${meant}?` : `services: ${[...project.services.keys()].join(', ')}`],
  });
}
