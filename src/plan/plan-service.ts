import type { Service } from '../project/types.ts';
import type { Graph } from './graph.ts';
import { countOf } from './replica-counts.ts';
import { startCause } from './stale.ts';
import type { Observed, PlanOptions, RuntimeKind, ServerProgram, Steps, Wanted } from './types.ts';

export interface ServiceAround {
  readonly want: Wanted;
  readonly have: Observed;
  readonly options: PlanOptions;
  readonly runtime: RuntimeKind;
  /** Steps that must have been carried out before anything of this runtime can start. */
  readonly before: readonly number[];
  readonly ready: ReadonlyMap<string, readonly number[]>;
}

/** Steps that bring a service to what is wanted of it; returns those after which it is ready. */
export function planService(graph: Graph, service: Service, around: ServiceAround): readonly number[] {
  const { want, have, options, runtime, before, ready } = around;
  const isServer = want.placements.get(service.name)?.kind === 'server';
  const needs = [...service.dependsOn].flatMap(([name, condition]) =>
    condition === 'service_started' ? startsOf(graph, name) : (ready.get(name) ?? []),
  );
  const after = [...before, ...needs];
  const install = runtime === 'process' && service.start?.kind === 'command' ? service.start.install : undefined;
  let isInstallPlanned = false;
  const waits: number[] = [];
  for (let index = 1; index <= countOf(service.name, want); index++) {
    const running = have.replicas.find(
      (one) => one.service === service.name && one.index === index && one.runtime === runtime,
    );
    const cause = startCause(running, want, have, options);
    if (!cause) continue;
    if (install && !isInstallPlanned) {
      after.push(graph.add('install', service.name, install.why, before, { service: service.name }));
      isInstallPlanned = true;
    }
    const subject = `${service.name}:${index}`;
    const carried = { service: service.name, index, runtime };
    // Compose stops the container that it replaces, and keeps its anonymous volumes
    const isStopped = running?.isRunning && runtime === 'process';
    const first = isStopped ? [graph.add('stop', subject, cause, after, carried)] : [];
    const data = isServer ? planServer(graph, service.name, have, [...after, ...first], carried) : [];
    const start = graph.add('start', subject, cause, [...after, ...first, ...data], carried);
    waits.push(graph.add('awaitReady', subject, `started by #${start}`, [start], carried));
  }
  return waits;
}

/** A server needs its program, and its data folder before it starts. Services of one server share one provision step. */
function planServer(
  graph: Graph,
  name: string,
  have: Observed,
  after: readonly number[],
  carried: Steps['prepare'],
): readonly number[] {
  const missing = have.missingServers?.get(name);
  const provision = missing && provisionOf(graph, missing);
  const cause = have.data?.get(name) ?? 'it has no data yet';
  return [graph.add('prepare', carried.service, cause, [...after, ...(provision ?? [])], carried)];
}

function provisionOf(graph: Graph, { tool, major }: ServerProgram): readonly number[] {
  const subject = `tool:${tool}${major === undefined ? '' : `-${major}`}`;
  const planned = graph.steps.find((step) => step.kind === 'provision' && step.subject === subject);
  if (planned) return [planned.id];
  const carried = major === undefined ? { tool } : { tool, major };
  return [graph.add('provision', subject, 'neither on this machine nor in the tool cache', [], carried)];
}

function startsOf(graph: Graph, name: string): readonly number[] {
  return graph.steps.filter((step) => step.kind === 'start' && step.service === name).map((step) => step.id);
}
