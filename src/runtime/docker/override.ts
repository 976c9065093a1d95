import { hashOf } from '../../kit/hash.ts';
import type { Publication } from '../types.ts';
import { configLabel, projectLabel, roleLabel } from './labels.ts';
import type { ContainerWish, EdgeWish } from './types.ts';

/** Something that takes the place of what the files before it say, instead of being merged into it (Compose 2.24). */
class Instead {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

const gone = new Instead(undefined);

/**
 * The last of the compose files: who the containers belong to, and what camp adds to them. Ports are published on
 * loopback only. YAML in JSON's clothes: one line a service. `networks` are those that become the project's own;
 * `elsewhere` are services that run without a container: Compose would make their volumes for whoever depends on them.
 */
export function overrideOf(
  projectId: string,
  wishes: readonly ContainerWish[],
  edge: EdgeWish | undefined,
  networks: readonly string[],
  elsewhere: readonly string[] = [],
): string {
  const lines = ['# Written by camp for docker compose, anew at each start.', 'services:'];
  for (const wish of wishes) lines.push(`  ${key(wish.service.name)}: ${flow(serviceOf(projectId, wish))}`);
  if (edge) lines.push(`  ${key(edge.service)}: ${flow(edgeOf(projectId, edge))}`);
  if (edge)
    lines.push(
      `  ${key(guardOf(edge))}: ${flow({ image: edge.image, network_mode: 'none', deploy: { replicas: 0 } })}`,
    );
  for (const name of elsewhere) lines.push(`  ${key(name)}: ${flow({ volumes: gone })}`);
  if (lines.length === 2) lines[1] = 'services: {}';
  if (networks.length > 0) lines.push('networks:');
  for (const name of networks) lines.push(`  ${key(name)}: ${flow({ labels: { [projectLabel]: projectId } })}`);
  return `${lines.join('\n')}\n`;
}

/**
 * A service that has no container and no network, and that only what camp adds knows: a command that names it fails
 * without that.
 */
export function guardOf({ service }: Pick<EdgeWish, 'service'>): string {
  return `${service}.camp`;
}

/** What the planner and the edge's container compare. */
export function edgeHash(edge: EdgeWish): string {
  return hashOf(edge);
}

function serviceOf(projectId: string, wish: ContainerWish): unknown {
  const { environment, extraHosts } = wish;
  return {
    labels: { [projectLabel]: projectId, [configLabel]: wish.hash },
    ports: new Instead(wish.ports.map(publication)),
    ...(Object.keys(environment).length > 0 ? { environment } : {}),
    ...(extraHosts.length > 0 ? { extra_hosts: extraHosts } : {}),
  };
}

/** The project's own edge service keeps its name and nothing else. */
function edgeOf(projectId: string, edge: EdgeWish): unknown {
  return {
    image: edge.image,
    labels: { [projectLabel]: projectId, [configLabel]: edgeHash(edge), [roleLabel]: 'edge' },
    entrypoint: new Instead([]),
    command: new Instead(edge.command),
    working_dir: edge.workingDir,
    sysctls: new Instead(edge.sysctls),
    ports: new Instead(edge.ports.map((port) => publication({ containerPort: port, hostPort: port, protocol: 'tcp' }))),
    networks: new Instead(edge.networks),
    volumes: new Instead(
      edge.mounts.map((one) => ({
        type: 'bind',
        source: one.source,
        target: one.target,
        read_only: one.readOnly,
      })),
    ),
    tmpfs: new Instead(edge.tmpfs),
    extra_hosts: new Instead(['host.docker.internal:host-gateway']),
    restart: new Instead('no'),
    stop_grace_period: new Instead('2s'),
    healthcheck: new Instead({ disable: true }),
    init: true,
    ...Object.fromEntries(replacedKeys.map((name) => [name, gone])),
  };
}

const replacedKeys =
  `build configs container_name deploy depends_on develop env_file environment network_mode profiles secrets user
  post_start pre_stop scale`.split(/\s+/);

function publication({ containerPort, hostPort, protocol }: Publication): unknown {
  return {
    target: containerPort,
    host_ip: '127.0.0.1',
    protocol,
    ...(hostPort === undefined ? {} : { published: String(hostPort) }),
  };
}

/** A dollar would begin a variable. */
function flow(value: unknown): string {
  if (value instanceof Instead) return value.value === undefined ? '!reset null' : `!override ${flow(value.value)}`;
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (value !== null && typeof value === 'object')
    return `{${Object.entries(value)
      .map(([name, one]) => `${key(name)}: ${flow(one)}`)
      .join(', ')}}`;
  return JSON.stringify(value).replaceAll('$', '$$$$');
}

function key(name: string): string {
  return JSON.stringify(name);
}
