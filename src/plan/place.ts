import type { Failure } from '../kit/failure.ts';
import { failure } from '../kit/failure.ts';
import type { Project, Service } from '../project/types.ts';
import type { Placement } from './types.ts';

/** Decides where each service runs; what cannot be placed is a failure that says what is missing. */
export function place(project: Project): {
  readonly placements: ReadonlyMap<string, Placement>;
  readonly failures: readonly Failure[];
} {
  const placements = new Map<string, Placement>();
  const failures: Failure[] = [];
  for (const service of project.services.values()) {
    const placement = placeOne(service);
    if ('kind' in placement) placements.set(service.name, placement);
    else failures.push(placement);
  }
  return { placements, failures };
}

function placeOne(service: Service): Placement | Failure {
  if (service.isEdge) return { kind: 'edge', why: "camp's own Caddy serves the Caddyfile in its place" };
  const reason = service.isNative ? 'x-camp: native' : 'a start command is recognised';
  if (service.start?.kind === 'static')
    return {
      kind: 'static',
      root: service.start.root,
      why: `${reason}, ${service.start.why}: the edge serves the files`,
    };
  if (service.start) return { kind: 'process', why: `${reason}, ${service.start.why}` };
  return service.image ? needsContainer(service, service.image) : hasNoCommand(service);
}

function needsContainer(service: Service, image: string): Failure {
  return failure(
    'machine',
    'NEEDS_CONTAINER',
    `service "${service.name}" is the image ${image}, which camp cannot run as a process`,
    {
      hints: [`say how it starts on this machine: x-camp: {run: "…"} under ${service.name}`, 'docker compose up'],
      source: service.source,
    },
  );
}

function hasNoCommand(service: Service): Failure {
  const folder = service.build?.context ?? 'its folder';
  return failure('machine', 'NO_START_COMMAND', `service "${service.name}": nothing in ${folder} says how it starts`, {
    hints: [
      `say it: x-camp: {run: "…"} under ${service.name}`,
      'or give the folder a package.json script, Procfile, go.mod, pyproject.toml, Cargo.toml or index.html',
    ],
    source: service.source,
  });
}
