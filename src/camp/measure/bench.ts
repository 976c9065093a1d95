import { join } from 'node:path';
import type { Endpoint } from '../../kit/events.ts';
import { projectId } from '../../kit/paths.ts';
import { markedProcesses, processInfo } from '../../kit/process.ts';
import type { Project } from '../../project/types.ts';
import type { ProjectStatus } from '../../report/types.ts';
import { ask } from '../client.ts';
import { stateFolders } from '../folders.ts';
import { AccessTail } from './access-tail.ts';
import { type Asker, createAsker } from './asking.ts';
import { type Cluster, campIn } from './cluster.ts';
import { containerReplicas, isContainerAlive, killContainer } from './container-replicas.ts';
import { Load } from './load.ts';
import { type Routed, routedOf } from './subjects.ts';

/** A running copy and everything to measure it with. */
export interface Bench {
  readonly cluster: Cluster;
  /** The copy's folder, which is the working directory. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly project: Project;
  readonly frontUrl: string;
  readonly hasBroker: boolean;
  readonly routed: readonly Routed[];
  readonly asker: Asker;
  readonly tail: AccessTail;
  readonly signal: AbortSignal;
  /** Never the same twice. */
  nonce(): string;
  /** Begins a steady stream of requests to a service. */
  load(routed: Routed): Load;
  /** Runs a camp command on the copy. */
  camp(...words: readonly string[]): Promise<unknown>;
  status(): Promise<ProjectStatus>;
  /** Where replicas are reached without the edge. */
  endpoints(): Promise<readonly Endpoint[]>;
  /** What runs of a service: one word for each replica, another one after it was started again. */
  replicasOf(service: string): Promise<readonly string[]>;
  /** The same with the processes that replicas have started: a server may be the child of a package manager. */
  processesOf(service: string): Promise<readonly string[]>;
  /** Of those that `replicasOf` or `processesOf` has named. */
  isAnyAlive(replicas: readonly string[]): Promise<boolean>;
  isReady(service: string): Promise<boolean>;
  /** SIGKILL to one that `replicasOf` has named. */
  kill(replica: string, routed: Routed): Promise<void>;
  close(): void;
}

/** Images and programs that carry messages from one service to another. */
const brokers = /(^|\/)(nats|rabbitmq|kafka|redpanda|cp-kafka|pulsar|activemq|artemis)(-\w+)*([:@]|$)/;

/** Needs a cluster whose edge has a certificate: without one nothing of it can be verified. */
export async function openBench(cluster: Cluster, project: Project, caFile: string): Promise<Bench> {
  const { setup, report } = cluster;
  const { scratch, env, signal } = setup;
  const asker = createAsker(caFile);
  const tail = new AccessTail(join(scratch.dir, '.camp', 'logs', 'edge.log'), asker.prefix);
  const routed = await routedOf(report.services, project, asker);
  const id = projectId(scratch.dir);
  const status = () => cluster.status();
  let count = 0;
  const replicasOf = async (service: string): Promise<readonly string[]> => {
    if (isContained(service)) return containerReplicas(env, id, service, signal);
    const { services } = await status();
    return (services.find(({ name }) => name === service)?.pids ?? []).map(String);
  };
  const isContained = (service: string): boolean =>
    report.services.some(({ name, placement }) => name === service && placement === 'container');
  return {
    cluster,
    dir: scratch.dir,
    env,
    project,
    frontUrl: report.urls[0] ?? '',
    hasBroker: [...project.services.values()].some(({ image }) => image !== undefined && brokers.test(image)),
    routed,
    asker,
    tail,
    signal,
    nonce() {
      count += 1;
      return `${process.pid}-${Date.now().toString(36)}-${count}`;
    },
    load: ({ url, status: expected, placement }) =>
      new Load({ url, asker, tail, status: expected, isStatic: placement === 'static' }),
    camp: (...words) => campIn(setup, ...words),
    status,
    endpoints: async () =>
      (await ask(stateFolders(scratch.dir), 'endpoints', {}, () => undefined)) as readonly Endpoint[],
    replicasOf,
    async processesOf(service) {
      const replicas = await replicasOf(service);
      const marked = isContained(service)
        ? []
        : markedProcesses(id).filter((one) => one.replica.startsWith(`${service}:`));
      return [...new Set([...replicas, ...marked.map(({ pid }) => String(pid))])];
    },
    async isAnyAlive(replicas) {
      for (const one of replicas)
        if (one.includes(':') ? await isContainerAlive(env, one, signal) : isRunning(Number(one))) return true;
      return false;
    },
    async isReady(service) {
      const { services } = await status();
      return services.find(({ name }) => name === service)?.state === 'ready';
    },
    async kill(replica, { placement }) {
      if (placement === 'container') await killContainer(env, replica, signal);
      else killProcess(Number(replica));
    },
    close: () => asker.close(),
  };
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has just ended by itself: then that is what it recovers from
  }
}

function isRunning(pid: number): boolean {
  const info = processInfo(pid);
  return info !== undefined && info.state !== 'Z';
}
