import { fail } from '../../kit/failure.ts';
import { guardName } from '../../kit/process.ts';
import type { ProbeAnswer } from '../probe.ts';
import { baseEnvironment } from './environment.ts';
import { Guard } from './guard.ts';
import { installDependencies } from './install.ts';
import { leftoversOf } from './leftovers.ts';
import { ListenWatch } from './listening.ts';
import { watchPorts } from './port-watch.ts';
import { Replica } from './replica.ts';
import type { ReplicaSpec } from './replica-spec.ts';
import { serviceEnvironment } from './service-environment.ts';
import { servicePorts } from './service-ports.ts';
import { replicaSpecs } from './specs.ts';
import type { NativeRuntime, NativeSetup } from './types.ts';
import { observedOf, viewOf } from './views.ts';

/** The process runtime: services as supervised processes of this machine. */
export function createNativeRuntime(setup: NativeSetup): NativeRuntime {
  const replicas = new Map<string, Replica>();
  const listening = new ListenWatch();
  const guard = new Guard(baseEnvironment(setup.ownEnv, [], { ...setup, replica: guardName }));
  const endWatch = watchPorts(() => replicas.values());
  const environmentOf = serviceEnvironment(setup, addresses);
  const specs = replicaSpecs(setup, environmentOf);

  /** Where each service is reached: its first replica. */
  function addresses(): ReadonlyMap<string, string> {
    const first = [...replicas.values()].filter(({ spec }) => spec.index === 1);
    return new Map(
      first.map(({ spec, endpoint, expectedEndpoint }) => [spec.service, (endpoint ?? expectedEndpoint).address]),
    );
  }

  async function runProbe(argv: readonly string[], spec: ReplicaSpec): Promise<ProbeAnswer> {
    const { runCommand } = await import('../../kit/spawn.ts');
    const result = await runCommand(argv, { cwd: spec.cwd, env: spec.env, timeoutMs: 10_000 });
    return { isReady: result.exitCode === 0, said: `${argv.join(' ')} ended with ${result.errno ?? result.exitCode}` };
  }

  const installs = new Map<string, Promise<void>>();

  return {
    guard,
    observe: () => Promise.resolve([...replicas.values()].map(observedOf)),
    leftovers: () => leftoversOf(setup.projectId, setup.supervisor),

    async install(service, signal) {
      const install = service.start?.kind === 'command' ? service.start.install : undefined;
      if (!install) return;
      // services of one workspace share one installation
      const key = JSON.stringify([install.cwd, install.argv]);
      const running = installs.get(key) ?? installDependencies(service.name, install, setup.ownEnv, setup.emit, signal);
      installs.set(key, running);
      await running.finally(() => installs.delete(key));
    },

    prepare: (service, signal) => specs.serverOf(service).prepare(signal),

    async start(service, index) {
      const id = `${service.name}:${index}`;
      const replica = new Replica(specs.specOf(service, index), {
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
    portOf: servicePorts(setup).portOf,
    environmentOf(service, index) {
      const steering = replicas.get(`${service.name}:${index}`)?.spec.steering;
      return { ...environmentOf(service, index), ...steering };
    },

    async shutdown(force) {
      endWatch();
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
