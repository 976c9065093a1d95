import type { Failure } from '../kit/failure.ts';
import { failure } from '../kit/failure.ts';
import type { Project, Service } from '../project/types.ts';
import type { EngineState, Mode, Placement } from './types.ts';

/** A placement as people and `--json` read it. */
export function placementName<K extends Placement['kind']>(kind: K): Exclude<K, 'server'> | 'native server' {
  return kind === 'server' ? 'native server' : (kind as Exclude<K, 'server'>);
}

/** Whether a Docker engine must be asked for at all; a project that needs no container never touches Docker. */
export function needsEngine(project: Project, mode: Mode): boolean {
  if (mode === 'native') return false;
  return mode === 'docker' || [...project.services.values()].some((service) => !service.isEdge && !isProcess(service));
}

/** What the project says is to run without a container, and can. */
function isProcess(service: Service): boolean {
  const canStart = service.start !== undefined && (missingOf(service) === undefined || !isBuilt(service));
  return service.isNative && (canStart || isServer(service));
}

/** A program that its process needs and this machine has not. */
function missingOf({ start }: Service): string | undefined {
  return start?.kind === 'command' ? start.missing : undefined;
}

const isBuilt = ({ image, build }: Service): boolean => image !== undefined || build?.hasDockerfile === true;

/** Whether camp can run its image's server itself. */
export function isServer(service: Service | undefined): boolean {
  return service?.server !== undefined && service.start === undefined && service.server.obstacle === undefined;
}

/**
 * Decides where each service runs (DESIGN section 3); what cannot run there is a failure that says what is missing.
 * Services that need an engine where there is none share one failure: the engine's.
 */
export function place(
  project: Project,
  mode: Mode = 'auto',
  engine: EngineState = { at: 'unasked' },
): {
  readonly placements: ReadonlyMap<string, Placement>;
  readonly failures: readonly Failure[];
} {
  const placements = new Map<string, Placement>();
  const failures: Failure[] = [];
  const stranded: Service[] = [];
  for (const service of project.services.values()) {
    const placement = placeOne(service, mode, engine);
    if (placement === 'stranded') stranded.push(service);
    else if ('kind' in placement) placements.set(service.name, placement);
    else failures.push(placement);
    // it is clear where it belongs, only not what it is
    if (typeof placement === 'object' && 'code' in placement && placement.code === 'DOCKERFILE_INVALID')
      placements.set(service.name, { kind: 'container', why: placement.message });
  }
  if (stranded.length > 0 && engine.at === 'unreachable') failures.push(needEngine(stranded, engine.failure));
  return { placements, failures };
}

function placeOne(service: Service, mode: Mode, engine: EngineState): Placement | Failure | 'stranded' {
  if (service.isEdge)
    return {
      kind: 'edge',
      why: `camp's own Caddy serves the Caddyfile in its place${mode === 'docker' ? ', in a container' : ''}`,
    };
  const missing = missingOf(service);
  if (mode === 'native') {
    if (missing !== undefined) return needsProgram(service, missing);
    return asProcess(service, service.isNative ? 'x-camp: native' : '--native') ?? notNative(service);
  }
  if (mode === 'auto' && isProcess(service))
    return missing === undefined ? (asProcess(service, 'x-camp: native') as Placement) : needsProgram(service, missing);
  const fallback = mode === 'auto' ? asProcess(service, 'a start command is recognised') : undefined;
  if (engine.at !== 'reachable') {
    if (!fallback) return 'stranded';
    if (missing !== undefined) return needsProgram(service, missing);
    return { ...fallback, why: `no Docker engine is reachable, ${fallback.why}` };
  }
  if (service.image || service.build?.hasDockerfile)
    return {
      kind: 'container',
      why: `${mode === 'docker' ? '--docker, ' : ''}${sourceOf(service)}${mode === 'auto' ? notHere(service) : ''}`,
    };
  if (!fallback) return withoutDockerfile(service);
  return missing === undefined
    ? { ...fallback, why: `no Dockerfile, ${fallback.why}` }
    : needsProgram(service, missing);
}

function sourceOf({ build, image }: Service): string {
  return build ? `its image is built from ${build.dockerfile ?? 'a Dockerfile'}` : `the image ${image}`;
}

/** Why what is asked to run without a container does not. */
function notHere(service: Service): string {
  const missing = missingOf(service);
  return service.isNative && missing !== undefined ? `: ${missing} is not on PATH` : notServed(service);
}

/** Why an image that is asked to run without a container does not. */
function notServed({ isNative, build, image, server }: Service): string {
  if (!isNative || build) return '';
  if (server?.obstacle) return `, not a native server: ${server.obstacle}`;
  return image === undefined ? '' : ', which camp cannot run as a native server';
}

function asProcess(service: Service, reason: string): Placement | undefined {
  const { start } = service;
  if (isServer(service)) return { kind: 'server', why: `${reason}, ${serverInWords(service)}` };
  if (start?.kind === 'static')
    return { kind: 'static', root: start.root, why: `${reason}, ${start.why}: the edge serves the files` };
  return start && { kind: 'process', why: `${reason}, ${start.why}` };
}

function serverInWords({ server, image }: Service): string {
  const product = { postgres: 'PostgreSQL', redis: 'Redis', nats: 'NATS', rabbitmq: 'RabbitMQ' } as const;
  const name = server && (server.isValkey ? 'Valkey' : product[server.name]);
  return `the image ${image} is ${name}${server?.major === undefined ? '' : ` ${server.major}`}, which runs without a container`;
}

function notNative(service: Service): Failure {
  return service.image && !service.build ? needsContainer(service, service.image) : hasNoCommand(service);
}

const toGet: Readonly<Record<string, string>> = {
  go: 'install Go: https://go.dev/doc/install',
  python3: 'install Python 3: https://www.python.org/downloads/',
  cargo: 'install Rust: https://rustup.rs',
  deno: 'install Deno: https://docs.deno.com/runtime/',
};

function needsProgram(service: Service, program: string): Failure {
  return failure(
    'machine',
    'NEEDS_PROGRAM',
    `service "${service.name}" needs ${program} to run as a process, which is not on PATH`,
    {
      hints: [toGet[program] ?? `install ${program}`, ...(isBuilt(service) ? ['camp up --docker'] : [])],
      source: service.source,
    },
  );
}

function needsContainer(service: Service, image: string): Failure {
  return failure(
    'machine',
    'NEEDS_CONTAINER',
    `service "${service.name}" is the image ${image}, which camp cannot run ${service.server?.obstacle ? `without a container: ${service.server.obstacle}` : 'as a process'}`,
    {
      hints: [
        ...fixesOf([service]),
        'camp up',
        `say how it starts on this machine: x-camp: {run: "…"} under ${service.name}`,
      ],
      source: service.source,
    },
  );
}

function needEngine(services: readonly Service[], reason: Failure): Failure {
  const names = services.map(({ name, image }) => (image ? `${name} (${image})` : name));
  const shown = names.length > 5 ? [...names.slice(0, 4), `${names.length - 4} more`] : names;
  return {
    ...reason,
    message: `${reason.message}; ${shown.join(', ')} ${names.length > 1 ? 'need' : 'needs'} it`,
    hints: [...reason.hints, ...fixesOf(services).map((fix) => `or, without an engine: ${fix}`)],
  };
}

/** What would let images run without a container. */
function fixesOf(services: readonly Service[]): readonly string[] {
  return [...new Set(services.flatMap(({ server }) => server?.fix ?? []))];
}

function withoutDockerfile(service: Service): Failure {
  const folder = service.build?.context ?? 'its folder';
  return failure(
    'project',
    'DOCKERFILE_INVALID',
    `service "${service.name}": ${folder} has no ${service.build?.dockerfile ?? 'Dockerfile'}`,
    {
      hints: [
        `write one there, or say how it starts without a container: x-camp: {run: "…"} under ${service.name}`,
        'camp up --native',
      ],
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
