import { configHash } from '../../src/plan/config-hash.ts';
import { place } from '../../src/plan/place.ts';
import type { Observed, Wanted } from '../../src/plan/types.ts';
import type { Service } from '../../src/project/types.ts';

/** A service as `loadProject` would give it, for tests that need no files. */
export function aService(name: string, over: Partial<Service> = {}): Service {
  return {
    name,
    source: { file: 'compose.yaml', line: 1, col: 1 },
    isNative: true,
    isEdge: false,
    start: {
      kind: 'command',
      argv: ['node', 'main.js'],
      cwd: `/p/${name}`,
      language: 'node',
      why: 'package.json scripts.start',
      path: [],
    },
    replicas: 1,
    env: {},
    ports: [],
    expose: [],
    dependsOn: new Map(),
    optionalDependencies: [],
    restartsWith: [],
    stop: { signal: 'SIGTERM', graceMs: 10_000 },
    restart: 'no',
    profiles: [],
    watch: [],
    isOneShot: false,
    container: { networks: ['default'], needsCompose: false },
    unread: [],
    ...over,
  };
}

export function wantedOf(services: readonly Service[], over: Partial<Wanted> = {}): Wanted {
  const byName = new Map(services.map((service) => [service.name, service]));
  const { placements } = place({ services: byName } as unknown as Parameters<typeof place>[0]);
  const hashes = new Map(services.map((service) => [service.name, configHash(service)]));
  const routed = new Set(byName.keys());
  return { services: byName, placements, replicas: new Map(), hashes, routed, edge: 'process', ...over };
}

/** A machine with everything there and nothing running. */
export const idle: Observed = { replicas: [], leftovers: [], hasCaddy: true, hasAuthority: true, builds: new Map() };
