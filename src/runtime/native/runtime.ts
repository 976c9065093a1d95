import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Ms } from '../../kit/events.ts';
import { fail } from '../../kit/failure.ts';
import { readText } from '../../kit/files.ts';
import { listeners } from '../../kit/ports.ts';
import { isAlive, type MarkedProcess, markedProcesses, type ProcessId, signalProcess } from '../../kit/process.ts';
import type { Observed, ObservedReplica } from '../../plan/types.ts';
import type { ImageFacts } from '../../project/images.ts';
import type { Service } from '../../project/types.ts';
import type { ProbeAnswer } from '../probe.ts';
import type { ReplicaView, Runtime } from '../types.ts';
import type { ReadSecret } from '../wiring/backing.ts';
import { type Neighbour, processNeighbour, serverNeighbour } from '../wiring/neighbours.ts';
import { namesAskedIn } from '../wiring/rewrite.ts';
import { wiringOf } from '../wiring/wiring.ts';
import { baseEnvironment, type Marks } from './environment.ts';
import { Guard } from './guard.ts';
import { installDependencies } from './install.ts';
import type { PortLeases } from './leases.ts';
import { ListenWatch } from './listening.ts';
import { Replica, type ReplicaSpec } from './replica.ts';
import { isTaken, type NativeServer, nativeServer, type ServersSetup } from './servers/servers.ts';

export interface NativeSetup {
  readonly projectId: string;
  readonly ownEnv: NodeJS.ProcessEnv;
  /** `pid:startTime` of this process. */
  readonly supervisor: string;
  /** Variables every service gets: how to trust the local CA, where Node may cache compiled code. */
  sharedEnv(): Readonly<Record<string, string>>;
  readonly leases: PortLeases;
  /** What a replica is started with, as the planner compares it. */
  configHash(service: Service): string;
  /** Whether the Caddyfile leads to it: then it must answer requests to be ready. */
  isReached(service: string): boolean;
  /** What runs in containers, as a process reaches it. */
  containers?(): readonly Neighbour[];
  /** Reads a password out of what a `*_FILE` variable names. */
  readonly readSecret?: ReadSecret;
  /** Whether a service runs as a server that camp knows, and what those need around them. */
  readonly servers?: ServersSetup & { isServer(service: Service): boolean };
  /** What is known of a service's image. */
  factsOf?(service: Service): ImageFacts | undefined;
  /** A service of the project by its name. */
  serviceOf?(name: string): Service | undefined;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Pending while what services write cannot be taken any more. */
  pressure(): Promise<void> | undefined;
}

/** The process runtime: services as supervised processes of this machine. */
export interface NativeRuntime extends Runtime {
  /** Ends every process group it is told of when camp dies. */
  readonly guard: Pick<Guard, 'add' | 'remove'>;
  /** Process groups that a camp which is no longer there has left behind. */
  leftovers(): Observed['leftovers'];
  install(service: Service, signal: AbortSignal): Promise<void>;
  /** Makes the data of a server, or looks at what is there. */
  prepare(service: Service, signal: AbortSignal): Promise<void>;
  /** The port that a replica listens on, or will. */
  portOf(service: Service, index: number): number;
  /** The environment that a command of the service runs with. */
  environmentOf(service: Service, index: number): Record<string, string>;
}

const healthIntervalMs: Ms = 1000;

export function createNativeRuntime(setup: NativeSetup): NativeRuntime {
  const replicas = new Map<string, Replica>();
  const listening = new ListenWatch();
  const marks = (replica: string): Marks => ({ projectId: setup.projectId, replica, supervisor: setup.supervisor });
  const guard = new Guard(baseEnvironment(setup.ownEnv, [], marks('guard')));
  const health = setInterval(lookAtPorts, healthIntervalMs);
  health.unref();

  function lookAtPorts(): void {
    const serving = [...replicas.values()].filter(
      (replica) => replica.address && (replica.state.at === 'ready' || replica.state.at === 'unhealthy'),
    );
    if (serving.length === 0 || process.platform !== 'linux') return;
    const open = new Set(listeners().map((one) => one.port));
    for (const replica of serving) {
      if (open.has(replica.address?.port ?? 0)) replica.reportOpen();
      else replica.reportClosed();
    }
  }

  const isServer = (service: Service): boolean => setup.servers?.isServer(service) ?? false;

  const runsHere = (service: Service | undefined): boolean =>
    service !== undefined && (isServer(service) || service.start?.kind === 'command');

  function addresses(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const replica of replicas.values()) {
      if (replica.spec.index !== 1) continue;
      found.set(replica.spec.service, (replica.endpoint ?? replica.expectedEndpoint).address);
    }
    return found;
  }

  function portOf(service: Service, index: number): number {
    if (service.env['PORT'] && !isServer(service)) return Number(service.env['PORT']);
    return leasedPort(service.name, index);
  }

  function leasedPort(service: string, index: number): number {
    const port = setup.leases.lease(`${service}:${index}`);
    return port ?? fail('machine', 'NO_FREE_PORT', 'no port between 20000 and 32767 is free', { hints: ['ss -ltn'] });
  }

  function environmentOf(service: Service, index: number): Record<string, string> {
    const known = new Map(addresses());
    const containers = setup.containers?.() ?? [];
    // who points at a neighbour without waiting for it may be started first
    const pointedAt = [...namesAskedIn(service.env)].filter((name) => runsHere(setup.serviceOf?.(name)));
    for (const name of [...service.dependsOn.keys(), ...pointedAt])
      if (!known.has(name) && !containers.some((each) => each.name === name))
        known.set(name, `127.0.0.1:${leasedPort(name, 1)}`);
    if (isServer(service)) known.set(service.name, `127.0.0.1:${portOf(service, 1)}`);
    const processes = [...known].map(([name, address]) => neighbour(name, address));
    const neighbours = [...processes, ...containers];
    return {
      ...baseEnvironment(
        setup.ownEnv,
        [...(service.start?.kind === 'command' ? service.start.path : []), ...serverFolders(service)],
        marks(`${service.name}:${index}`),
      ),
      ...setup.sharedEnv(),
      HOST: '127.0.0.1',
      SERVICE: service.name,
      PYTHONUNBUFFERED: '1',
      ...(isServer(service) ? ownWiring(service, neighbours) : wiringOf(service, neighbours, readSecret)),
      PORT: String(portOf(service, index)),
    };
  }

  /** A command of a server's own service finds the server as one that depends on it does. */
  function ownWiring(service: Service, neighbours: readonly Neighbour[]): Record<string, string> {
    const client = { ...service, dependsOn: new Map([[service.name, 'service_started' as const]]) };
    return wiringOf(client, neighbours, readSecret);
  }

  function neighbour(name: string, address: string): Neighbour {
    const service = setup.serviceOf?.(name);
    const found = processNeighbour(name, address, service?.hints?.aliases);
    return service && isServer(service) ? serverNeighbour(found, service, setup.factsOf?.(service)) : found;
  }

  /** A secret of the compose file that a server is told of by its path in the container. */
  function readSecret(of: Neighbour, path: string): string | undefined {
    const file = setup.serviceOf?.(of.name)?.server?.secrets[path];
    return (file === undefined ? undefined : readText(file)) ?? setup.readSecret?.(of, path);
  }

  /** Where psql and its like are, for a service that has a PostgreSQL of this machine. */
  function serverFolders(service: Service): readonly string[] {
    return [service.name, ...service.dependsOn.keys()].flatMap((name) => {
      const found = setup.serviceOf?.(name);
      if (found?.server?.name !== 'postgres' || !isServer(found)) return [];
      return setup.servers?.programOf(found)?.bin ?? [];
    });
  }

  function theServer(service: Service): NativeServer {
    const { servers } = setup;
    if (!servers) return fail('bug', 'BUG', 'there are no servers here');
    return nativeServer(service, baseEnvironment(setup.ownEnv, [], marks(`${service.name}:1`)), servers);
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

  function serverSpec(service: Service): ReplicaSpec {
    const server = theServer(service);
    return {
      service: service.name,
      index: 1,
      configHash: setup.configHash(service),
      argv: [],
      cwd: '/',
      env: {},
      port: portOf(service, 1),
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

  function specOf(service: Service, index: number): ReplicaSpec {
    if (isServer(service)) return serverSpec(service);
    const { start } = service;
    if (start?.kind !== 'command') return fail('bug', 'BUG', `service "${service.name}" has no command`);
    const env = environmentOf(service, index);
    return {
      service: service.name,
      index,
      configHash: setup.configHash(service),
      argv: start.argv,
      cwd: start.cwd,
      env,
      port: Number(env['PORT']),
      probe: service.health?.probe,
      isReached: setup.isReached(service.name),
      isOneShot: service.isOneShot,
      stop: service.stop,
    };
  }

  async function runProbe(argv: readonly string[], spec: ReplicaSpec): Promise<ProbeAnswer> {
    const { runCommand } = await import('../../kit/spawn.ts');
    const result = await runCommand(argv, { cwd: spec.cwd, env: spec.env, timeoutMs: 10_000 });
    return { isReady: result.exitCode === 0, said: `${argv.join(' ')} ended with ${result.errno ?? result.exitCode}` };
  }

  const installs = new Map<string, Promise<void>>();

  return {
    guard,
    observe: () => Promise.resolve([...replicas.values()].map(observed)),
    leftovers: () => leftoversOf(setup),

    async install(service, signal) {
      const install = service.start?.kind === 'command' ? service.start.install : undefined;
      if (!install) return;
      // services of one workspace share one installation
      const key = JSON.stringify([install.cwd, install.argv]);
      const running = installs.get(key) ?? installDependencies(service.name, install, setup.ownEnv, setup.emit, signal);
      installs.set(key, running);
      await running.finally(() => installs.delete(key));
    },

    prepare: (service, signal) => theServer(service).prepare(signal),

    async start(service, index) {
      const id = `${service.name}:${index}`;
      const replica = new Replica(specOf(service, index), {
        projectId: setup.projectId,
        emit: setup.emit,
        clock: setup.clock,
        guard,
        listening,
        runProbe,
        pressure: setup.pressure,
      });
      await replica.start();
      replicas.set(id, replica);
    },

    awaitReady: (service, index, deadlineMs, signal) => theReplica(service.name, index).awaitReady(deadlineMs, signal),

    async stop(service, index) {
      await theReplica(service, index).stop();
      replicas.delete(`${service}:${index}`);
    },

    async restart(service, signal) {
      for (const replica of [...replicas.values()].filter((one) => one.spec.service === service)) {
        await replica.restart();
        signal.throwIfAborted();
        await replica.awaitReady(30_000, signal);
      }
    },

    replicas: () => [...replicas.values()].map(viewOf),
    portOf,
    environmentOf,

    async shutdown(force) {
      clearInterval(health);
      const kill = (): void => {
        for (const replica of replicas.values()) replica.kill();
      };
      if (force.aborted) kill();
      force.addEventListener('abort', kill, { once: true });
      // what still drains needs its database until the end
      const all = [...replicas.values()];
      await Promise.all(all.filter(({ spec }) => !spec.server).map((replica) => replica.stop()));
      await Promise.all(all.filter(({ spec }) => spec.server).map((replica) => replica.stop()));
      replicas.clear();
      guard.close();
    },
  };

  function theReplica(service: string, index: number): Replica {
    return replicas.get(`${service}:${index}`) ?? fail('bug', 'BUG', `no replica ${service}:${index}`);
  }
}

function observed({ spec, state, isRunning }: Replica): ObservedReplica {
  return {
    service: spec.service,
    index: spec.index,
    configHash: spec.configHash,
    runtime: 'process',
    isRunning,
    hasCompleted: spec.isOneShot && state.at === 'exited' && state.code === 0,
  };
}

function viewOf(replica: Replica): ReplicaView {
  const { spec, state, isRunning, pid } = replica;
  return {
    id: replica.id,
    service: spec.service,
    index: spec.index,
    configHash: spec.configHash,
    state,
    isRunning,
    pids: pid === undefined ? [] : [pid],
    endpoints: isRunning ? [replica.endpoint ?? replica.expectedEndpoint] : [],
    graceMs: spec.stop.graceMs,
  };
}

/** Processes of this project whose supervisor is another one, or none: left by a camp that is no longer there. */
function leftoversOf(setup: NativeSetup): Observed['leftovers'] {
  const byReplica = new Map<string, number[]>();
  for (const one of markedProcesses(setup.projectId)) {
    if (one.supervisor === setup.supervisor) continue;
    byReplica.set(one.replica, [...(byReplica.get(one.replica) ?? []), one.pid]);
  }
  return [...byReplica].map(([replica, pids]) => ({ replica, pids }));
}

/**
 * Ends leftovers: TERM, two seconds of grace, KILL. Only what still carries the project's marker is touched. A supervisor
 * of theirs that still lives has lost its state (its lock is ours now): it is killed first, because it would start them
 * again, and because in its last moments it would remove what is ours by now.
 */
export async function clearLeftovers(projectId: string, pids: readonly number[]): Promise<void> {
  const left = (): readonly MarkedProcess[] => markedProcesses(projectId).filter((one) => pids.includes(one.pid));
  for (const one of supervisorsOf(left())) signalProcess(one, 'SIGKILL');
  for (const one of left()) signalProcess(one, 'SIGTERM');
  const deadline = performance.now() + 2000;
  while (left().length > 0 && performance.now() < deadline) await delay(20);
  for (const one of left()) signalProcess(one, 'SIGKILL');
}

/** Supervisors other than this process that still live, although they do not answer any more: what they started names them. */
export function supervisorsOf(found: readonly MarkedProcess[]): readonly ProcessId[] {
  const ids = new Map<string, ProcessId>();
  for (const { supervisor } of found) {
    const [pid, startTime] = supervisor.split(':');
    const id = { pid: Number(pid), startTime: startTime ?? '' };
    if (id.pid !== process.pid && id.pid > 1 && isAlive(id)) ids.set(supervisor, id);
  }
  return [...ids.values()];
}
