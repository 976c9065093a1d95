import { CampError, type Failure, failure } from '../kit/failure.ts';
import { at, plainOf } from '../project/tree.ts';
import type { Project, Service } from '../project/types.ts';

/** Where images of databases and brokers keep their data. */
const dataTarget =
  /^\/(data(\/db)?|bitnami\/.+|var\/lib\/(postgresql|mysql|mariadb|mongodb|rabbitmq|redis|valkey|kafka)(\/.*)?)$/;

/**
 * Throws NOT_ISOLATED (project) for containers and volumes that have a name of their own, and for folders of this machine that a
 * database in a container keeps its data in: a second instance of the project would use those of the first.
 */
export function refuseShared(project: Project): void {
  const { compose } = project;
  if (!compose) return;
  const named = [...project.services.values()].flatMap((service) => namedContainer(service));
  const volumes = Object.entries((plainOf(at(compose.tree, 'volumes')) ?? {}) as Record<string, VolumeWords | null>);
  const shared = volumes.flatMap(([key, words]) => (isShared(words) ? [notIsolated(`volume "${key}"`, project)] : []));
  const folders = [...project.services.values()].flatMap((service) => dataFolders(service));
  const failures = [...named, ...shared, ...folders];
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

/** Two servers in one folder damage it; a native server has a folder in `.camp` instead. */
function dataFolders(service: Service): readonly Failure[] {
  const { image, build, isNative, hints, source } = service;
  if (!image || build || isNative) return [];
  return (hints?.mounts ?? [])
    .filter(({ target }) => dataTarget.test(target))
    .map((mount) =>
      failure(
        'project',
        'NOT_ISOLATED',
        `service "${service.name}" keeps its data in ${mount.source}, which a cluster for tests would share`,
        { hints: [`a volume in its place: data:${mount.target}`], source },
      ),
    );
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
