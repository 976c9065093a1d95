import { CampError, type Failure, failure } from '../kit/failure.ts';
import { at, plainOf } from '../project/tree.ts';
import type { Project, Service } from '../project/types.ts';

/**
 * Throws NOT_ISOLATED (project) for containers and volumes that have a name of their own: a second instance of the project
 * would use those of the first, its data among them.
 */
export function refuseShared(project: Project): void {
  const { compose } = project;
  if (!compose) return;
  const named = [...project.services.values()].flatMap((service) => namedContainer(service));
  const volumes = Object.entries((plainOf(at(compose.tree, 'volumes')) ?? {}) as Record<string, VolumeWords | null>);
  const shared = volumes.flatMap(([key, words]) => (isShared(words) ? [notIsolated(`volume "${key}"`, project)] : []));
  const failures = [...named, ...shared];
  if (failures.length > 0) throw new CampError(failures);
}

interface VolumeWords {
  readonly name?: string;
  readonly external?: unknown;
}

function isShared(words: VolumeWords | null): boolean {
  return words?.name !== undefined || (words?.external !== undefined && words.external !== false);
}

/** Where it runs as a process nobody asks for that name. */
function namedContainer(service: Service): readonly Failure[] {
  if (service.container.name === undefined || service.isEdge || (service.isNative && service.start)) return [];
  return [notIsolated(`the container of service "${service.name}"`, undefined, service)];
}

function notIsolated(what: string, project: Project | undefined, service?: Service): Failure {
  return failure('project', 'NOT_ISOLATED', `${what} has a name of its own, which a cluster for tests would share`, {
    hints: [
      service ? `remove container_name under ${service.name}` : 'remove name: or external: there',
      'or a compose file for tests: camp test --file compose.test.yaml',
    ],
    ...(service ? { source: service.source } : project?.composeFile ? { evidence: [project.composeFile] } : {}),
  });
}
