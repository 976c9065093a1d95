import type { ContainerSummary } from './engine/types.ts';

/** Whose a container, network or volume is: the project's id, a hash of its folder. Nothing without it is ever touched. */
export const projectLabel = 'dev.camp.project';
/** What a container was created of; another hash means that it is stale. */
export const configLabel = 'dev.camp.config';
/** `edge` on the container that the edge runs in. */
export const roleLabel = 'dev.camp.role';

/** The labels by which Compose knows what is its own (docker/compose pkg/api/labels.go). */
export const composeLabels = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  number: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
  dependsOn: 'com.docker.compose.depends_on',
  workingDir: 'com.docker.compose.project.working_dir',
  volume: 'com.docker.compose.volume',
  version: 'com.docker.compose.version',
  image: 'com.docker.compose.image',
} as const;

export function isOneOff({ labels }: ContainerSummary): boolean {
  return labels[composeLabels.oneOff]?.toLowerCase() === 'true';
}

export function isEdge({ labels }: ContainerSummary): boolean {
  return labels[roleLabel] === 'edge';
}

export function serviceOf({ labels, name }: ContainerSummary): string {
  return labels[composeLabels.service] ?? name;
}

export function numberOf({ labels }: ContainerSummary): number {
  return Number(labels[composeLabels.number] ?? 1);
}

/** Names of the services that it depends on, whatever the compose file says by now: `db:service_healthy:false,…`. */
export function needsOf({ labels }: ContainerSummary): readonly string[] {
  const text = labels[composeLabels.dependsOn] ?? '';
  return text.split(',').flatMap((one) => one.split(':')[0] || []);
}
