import { resolve } from 'node:path';
import { containerShape, edgeImage } from '../../edge/container-shape.ts';
import type { Project, Service } from '../../project/types.ts';
import { isOnBridge } from '../../runtime/docker/endpoints.ts';
import type { EdgeWish, Expected } from '../../runtime/docker/types.ts';

const edgeServiceName = 'camp-edge';

export interface EdgeAround {
  readonly runDir: string;
  /** Caddy's storage: the CA of this user. */
  readonly storage: string;
  edgePorts(project: Project): readonly number[];
}

/** What of it is known at once: it takes the place of the project's own edge, and is on every network of what it leads to. */
export function edgeSketch(project: Project, placed: readonly Service[]): Expected['edge'] {
  const own = [...project.services.values()].find((service) => service.isEdge);
  return {
    service: own?.name ?? edgeServiceName,
    image: edgeImage,
    networks: [...new Set(placed.flatMap((service) => service.container.networks))],
  };
}

/** The container of the edge, in the place of the project's own edge service or beside the others. */
export function edgeWish(project: Project, placed: readonly Service[], around: EdgeAround): EdgeWish {
  const shape = containerShape({ projectDir: project.dir, runDir: around.runDir, storage: around.storage });
  return {
    ...edgeSketch(project, placed),
    ...(placed.some(({ container }) => isOnBridge(container.networkMode)) ? { isOnBridge: true } : {}),
    ports: around.edgePorts(project),
    mounts: shape.mounts.map((mount) => ({ ...mount, readOnly: true })),
    tmpfs: shape.tmpfs,
    sysctls: shape.sysctls,
    workingDir: resolve(project.dir),
    command: shape.command,
  };
}
