import { CampError, type Failure } from '../kit/failure.ts';
import { configHash } from '../plan/config-hash.ts';
import { needsEngine, place } from '../plan/place.ts';
import { countOf } from '../plan/replica-counts.ts';
import type { EngineState, Mode, Placement, Wanted } from '../plan/types.ts';
import type { Project } from '../project/types.ts';
import type { PortLeases } from '../runtime/native/leases.ts';
import type { ContainerHost } from './containers/host.ts';

/** What a person has asked for, and what is asked on the way. */
export interface WantedRequest {
  readonly mode: Mode;
  /** Replica counts that `camp scale` has set. */
  readonly scale: ReadonlyMap<string, number>;
  readonly leases: PortLeases;
  readonly containers: ContainerHost;
  readonly signal: AbortSignal;
  /** What keeps services from running where they are placed; default: throws it. */
  refuse?(failures: readonly Failure[]): void;
}

/** What should run, and where. Throws what cannot be placed. */
export async function wantedOf(project: Project, request: WantedRequest): Promise<Wanted> {
  const { mode, scale, leases, containers } = request;
  const asked = {
    services: project.services,
    replicas: scale,
    routed: routedServices(project),
    edge: mode === 'docker' ? 'container' : 'process',
  } as const;
  await containers.foresee(project, { ...asked, placements: place(project, mode, { at: 'reachable' }).placements });
  const base = { ...asked, placements: await placementsOf(project, request) };
  await leases.prepare(replicaKeys(base));
  const hashes = [...project.services.values()].map((service) => [service.name, configHash(service)] as const);
  return { ...base, hashes: new Map([...hashes, ...(await containers.prepare(project, base))]) };
}

/** Where each service runs. An engine is asked for only where one is needed, or was by a camp before. */
async function placementsOf(
  project: Project,
  { mode, containers, signal, refuse }: WantedRequest,
): Promise<ReadonlyMap<string, Placement>> {
  const isAsked = needsEngine(project, mode) || containers.mayHaveLeft;
  const engine: EngineState = isAsked ? await containers.connect(project, signal) : { at: 'unasked' };
  const { placements, failures: misplaced } = place(project, mode, engine);
  const failures = [...misplaced, ...(await unmakeableOf(project, placements))];
  if (failures.length > 0 && !refuse) throw new CampError(failures);
  refuse?.(failures);
  return placements;
}

async function unmakeableOf(
  { compose, services }: Project,
  placements: ReadonlyMap<string, Placement>,
): Promise<readonly Failure[]> {
  const placed = [...services.values()].filter(({ name }) => placements.get(name)?.kind === 'container');
  if (!compose || placed.length === 0) return [];
  const { unmakeable } = await import('./containers/unmakeable.ts');
  return unmakeable(compose, placed);
}

/** Services that an upstream of the Caddyfile may name: those that something is to reach. */
function routedServices(project: Project): ReadonlySet<string> {
  const words = new Set(project.caddyfile.text.split(/[\s/@,{}]+/).map((word) => word.replace(/:\d+$/, '')));
  return new Set([...project.services.keys()].filter((name) => words.has(name)));
}

/** `api:1`, `api:2`, ... of every service that runs as a process. */
function replicaKeys(wanted: Pick<Wanted, 'services' | 'placements' | 'replicas'>): readonly string[] {
  return [...wanted.placements].flatMap(([name, placement]) => {
    const service = wanted.services.get(name);
    const isServer = placement.kind === 'server';
    if (!(isServer || placement.kind === 'process') || !service || (service.env['PORT'] && !isServer)) return [];
    return Array.from({ length: countOf(name, wanted) }, (_, i) => `${name}:${i + 1}`);
  });
}
