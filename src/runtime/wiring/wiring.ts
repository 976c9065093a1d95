import type { Service } from '../../project/types.ts';
import { backingOf, type ReadSecret } from './backing.ts';
import { addressOf, gatewayHost, type Neighbour } from './neighbours.ts';
import { directoryOf, rewriteAll } from './rewrite.ts';

const noSecret: ReadSecret = () => undefined;

/**
 * The environment of a service that runs as a process: where the services it depends on are (DESIGN section 2),
 * and what `environment:` says, which wins, with names of services rewritten to addresses. Holds credentials.
 */
export function wiringOf(
  service: Service,
  neighbours: readonly Neighbour[],
  readSecret: ReadSecret = noSecret,
): Record<string, string> {
  return {
    ...addressesFor(service, neighbours, readSecret),
    ...rewriteAll(service.env, directoryOf(neighbours)),
  };
}

export interface ContainerWiring {
  /** Added to, or in the place of, what `environment:` says. */
  readonly environment: Readonly<Record<string, string>>;
  /** `name:host-gateway`, so that names written into files work as well. */
  readonly extraHosts: readonly string[];
}

/** What a container needs to reach processes; nothing where there are none. Other containers it knows by Compose's names. */
export function containerWiringOf(service: Service, neighbours: readonly Neighbour[]): ContainerWiring {
  const processes = neighbours.filter(({ kind, name }) => kind === 'process' && name !== service.name);
  if (processes.length === 0) return { environment: {}, extraHosts: [] };
  const rewritten = rewriteAll(service.env, directoryOf(processes));
  const changed = Object.entries(rewritten).filter(([name, value]) => service.env[name] !== value);
  const added = addressesFor(service, processes, noSecret);
  for (const name of Object.keys(service.env)) delete added[name];
  const names = processes.flatMap(({ name, aliases }) => [name, ...aliases]);
  return {
    environment: { ...added, ...Object.fromEntries(changed) },
    extraHosts: [...new Set([gatewayHost, ...names])].map((name) => `${name}:host-gateway`),
  };
}

/** `<NAME>_URL` for everything that it depends on, and the usual variables for the first of each kind of backing service. */
function addressesFor(
  service: Service,
  neighbours: readonly Neighbour[],
  readSecret: ReadSecret,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of service.dependsOn.keys()) {
    const neighbour = neighbours.find((each) => each.name === name);
    if (!neighbour) continue;
    const backing = backingOf(neighbour, readSecret);
    const url = backing?.url ?? urlOfHttp(neighbour);
    if (url !== undefined) env[`${variableName(name)}_URL`] ??= url;
    if (!backing || backing.decisive.some((each) => each in service.env)) continue;
    for (const [variable, value] of Object.entries(backing.variables)) env[variable] ??= value;
  }
  return env;
}

function urlOfHttp({ host, mainPort, scheme }: Neighbour): string | undefined {
  return mainPort === undefined ? undefined : `${scheme}://${addressOf(host, mainPort)}`;
}

/** `order-items` becomes `ORDER_ITEMS`. */
export function variableName(service: string): string {
  return service.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
}
