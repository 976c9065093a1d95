import { resolve } from 'node:path';
import { trustEnv } from '../edge/ca.ts';
import type { Clock } from '../kit/clock.ts';
import type { Emit } from '../kit/events.ts';
import { userFolders } from '../kit/paths.ts';
import { PortClaims } from '../kit/port-claims.ts';
import { processInfo } from '../kit/process.ts';
import { configHash } from '../plan/config-hash.ts';
import type { Wanted } from '../plan/types.ts';
import type { Project } from '../project/types.ts';
import { PortLeases } from '../runtime/native/leases.ts';
import { createNativeRuntime } from '../runtime/native/runtime.ts';
import { ContainerHost } from './containers/host.ts';
import { factsOf } from './containers/ports.ts';
import { EdgeHost } from './edge-host.ts';
import { edgeStorage, type StateFolders } from './folders.ts';
import { Replicas } from './replicas.ts';
import { Routing } from './routing.ts';
import { ServerHost } from './servers.ts';

export interface MachinerySetup {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly folders: StateFolders;
  readonly clock: Clock;
  /** `--port` */
  readonly port?: number;
  readonly projectId: string;
  readonly emit: Emit;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
  /** What runs, or is about to; undefined before the files have been read. */
  project(): Project | undefined;
  wanted(): Wanted | undefined;
}

/** What a project is run with: its ports, its replicas of both kinds, its servers, its edge. Nothing runs yet. */
export interface Machinery {
  readonly leases: PortLeases;
  readonly replicas: Replicas;
  readonly servers: ServerHost;
  readonly host: EdgeHost;
  readonly routing: Routing;
  /** The CA that services are to trust is another one: what they get is put together anew. */
  forgetTrust(): void;
}

/** Puts together what knows of each other, so that a supervisor need not know how. */
export function machineryOf(setup: MachinerySetup): Machinery {
  const { env, folders, clock, emit, pressure, projectId } = setup;
  const user = userFolders(env);
  const storage = edgeStorage(user);
  const leases = new PortLeases(folders.state, projectId, new PortClaims());
  const supervisor = `${process.pid}:${processInfo(process.pid)?.startTime ?? ''}`;
  const marks = { projectId, replica: 'edge', supervisor };
  let sharedEnv: Readonly<Record<string, string>> | undefined;

  /** What every service gets; read from the disk once, because the bundle of roots is large. */
  function shared(): Readonly<Record<string, string>> {
    // `go run` leaves what it built behind when it is ended: there it goes with the project
    const own = { NODE_COMPILE_CACHE: resolve(folders.state, 'cache', 'node'), GOTMPDIR: resolve(folders.run) };
    sharedEnv ??= { ...trustEnv(storage, env), ...own };
    return sharedEnv;
  }

  const containers = new ContainerHost({
    env,
    folders,
    storage,
    leases,
    clock,
    emit,
    pressure,
    // claimed before a container can be created that publishes them; those that others listen on are left to them
    edgePorts(project, heldPorts) {
      const { https, http } = host.portsOf(project, heldPorts);
      return http === undefined ? [https] : [https, http];
    },
    portOf: (service, index) => processes.portOf(service, index),
    processes: () => replicas.listening(setup.project()),
  });
  const placementOf = (service: string) => setup.wanted()?.placements.get(service)?.kind;
  const servers = new ServerHost({ env, folders, emit, placementOf });
  const processes = createNativeRuntime({
    projectId,
    projectDir: setup.dir,
    ownEnv: env,
    supervisor,
    sharedEnv: shared,
    leases,
    configHash,
    isReached: (service) => setup.wanted()?.routed.has(service) ?? false,
    containers: () => containers.neighbours(),
    servers: servers.runtime(),
    serviceOf: (name) => setup.project()?.services.get(name),
    factsOf,
    clock,
    emit,
    pressure,
  });
  const replicas = new Replicas(processes, containers);
  const host = new EdgeHost({
    env,
    user,
    storage,
    runDir: folders.run,
    stateDir: folders.state,
    marks,
    leases,
    guard: processes.guard,
    emit,
    edgeContainer: () => containers.edgeContainer(),
    ...(setup.port === undefined ? {} : { port: setup.port }),
  });
  const forgetTrust = (): void => {
    sharedEnv = undefined;
  };
  return { leases, replicas, servers, host, routing: new Routing(host, replicas, clock), forgetTrust };
}
