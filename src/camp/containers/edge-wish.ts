import { resolve } from 'node:path';
import { containerShape } from '../../edge/container-shape.ts';
import type { Project, Service } from '../../project/types.ts';
import type { EdgeWish } from '../../runtime/docker/types.ts';

const edgeServiceName = 'camp-edge';

export interface EdgeAround {
  readonly runDir: string;
  /** Caddy's storage: the CA of this user. */
  readonly storage: string;
  edgePorts(project: Project): readonly number[];
}

/** The name of the edge's service: the project's own edge keeps its name. */
export function edgeServiceOf({ services }: Project): string {
  return [...services.values()].find((service) => service.isEdge)?.name ?? edgeServiceName;
}

/** The container of the edge: in the place of the project's own edge service, or beside the others; on every network of what it leads to. */
export function edgeWish(project: Project, placed: readonly Service[], around: EdgeAround): EdgeWish {
  const shape = containerShape({ projectDir: project.dir, runDir: around.runDir, storage: around.storage });
  return {
    service: edgeServiceOf(project),
    image: shape.image,
    ports: around.edgePorts(project),
    networks: [...new Set(placed.flatMap((service) => service.container.networks))],
    mounts: shape.mounts.map((mount) => ({ ...mount, readOnly: true })),
    tmpfs: shape.tmpfs,
    sysctls: shape.sysctls,
    workingDir: resolve(project.dir),
    command: shape.command,
  };
}
