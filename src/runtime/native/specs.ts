import { fail } from '../../kit/failure.ts';
import { listeners } from '../../kit/ports.ts';
import type { Service } from '../../project/types.ts';
import { baseEnvironment } from './environment.ts';
import type { ReplicaSpec } from './replica-spec.ts';
import { isTaken, type NativeServer, nativeServer } from './servers/servers.ts';
import { servicePorts } from './service-ports.ts';
import type { NativeRuntime, NativeSetup } from './types.ts';

export interface Specs {
  /** What a replica of a service is started with. */
  specOf(service: Service, index: number): ReplicaSpec;
  serverOf(service: Service): NativeServer;
}

/** What the replicas of a project are started with: programs of its own, or servers that camp knows. */
export function replicaSpecs(setup: NativeSetup, environmentOf: NativeRuntime['environmentOf']): Specs {
  const ports = servicePorts(setup);

  function serverOf(service: Service): NativeServer {
    const { servers } = setup;
    if (!servers) return fail('bug', 'BUG', 'there are no servers here');
    return nativeServer(
      service,
      baseEnvironment(setup.ownEnv, [], { ...setup, replica: `${service.name}:1` }),
      servers,
    );
  }

  /** A server's port belongs to the project: one that somebody else has taken is changed. */
  async function freePort(service: Service, port: number): Promise<number> {
    if (!(await isTaken(port))) return port;
    const key = `${service.name}:1`;
    const other = setup.leases.lease(key, new Set(listeners().map((one) => one.port)));
    if (other === undefined) return port;
    setup.emit({ type: 'note', subject: service.name, message: `port ${port} is taken: it listens on ${other}` });
    return other;
  }

  function ofServer(service: Service): ReplicaSpec {
    const server = serverOf(service);
    return {
      service: service.name,
      index: 1,
      configHash: setup.configHash(service),
      argv: [],
      cwd: '/',
      env: {},
      port: ports.portOf(service, 1),
      probe: undefined,
      isReached: true,
      isOneShot: false,
      stop: { signal: server.stopSignal, graceMs: service.stop.graceMs },
      server: {
        async launch(port) {
          const free = await freePort(service, port);
          return { ...(await server.launch(free)), port: free };
        },
        ask: server.ask,
        explain: server.explain,
      },
    };
  }

  function ofProgram(service: Service, index: number): ReplicaSpec {
    const { start } = service;
    if (start?.kind !== 'command') return fail('bug', 'BUG', `service "${service.name}" has no command`);
    const env = environmentOf(service, index);
    return {
      service: service.name,
      index,
      configHash: setup.configHash(service),
      argv: start.argv,
      cwd: start.cwd,
      ...(setup.projectDir === undefined ? {} : { projectDir: setup.projectDir }),
      env,
      port: Number(env['PORT']),
      probe: service.health?.probe,
      isReached: setup.isReached(service.name),
      isOneShot: service.isOneShot,
      stop: service.stop,
    };
  }

  return {
    serverOf,
    specOf: (service, index) => (setup.servers?.isServer(service) ? ofServer(service) : ofProgram(service, index)),
  };
}
