import type { Edge, EdgePorts, Route } from '../edge/types.ts';
import type { Ms } from '../kit/events.ts';
import { placementName } from '../plan/place.ts';
import { countOf } from '../plan/replica-counts.ts';
import type { Placement, Wanted } from '../plan/types.ts';
import type { Project, Service } from '../project/types.ts';
import type { PhaseSpan, ProjectStatus, ServiceStatus, UpReport } from '../report/types.ts';
import type { ReplicaView } from '../runtime/types.ts';
import { urlOf } from '../runtime/wiring/url.ts';
import type { Span, Timing } from '../stopwatch/measure.ts';
import { factsOf } from './containers/ports.ts';

export interface Snapshot {
  readonly project: Project;
  readonly wanted: Wanted;
  readonly replicas: readonly ReplicaView[];
  readonly routes: readonly Route[];
  /** Services that have turned out not to speak HTTP. */
  readonly others: ReadonlySet<string>;
  readonly readyMs: ReadonlyMap<string, Ms>;
  readonly edge: { readonly edge: Edge; readonly ports: EdgePorts } | undefined;
  readonly isEnding: boolean;
}

/** A running project in the shape of `camp ps --json`. */
export function statusOf(snapshot: Snapshot): ProjectStatus {
  const { project, edge } = snapshot;
  return {
    project: project.name,
    domain: project.domain,
    running: !snapshot.isEnding,
    urls: frontPageFirst(snapshot.routes, project.domain),
    services: [...project.services.keys()].flatMap((name) => {
      const placement = snapshot.wanted.placements.get(name);
      return placement && placement.kind !== 'edge' ? [serviceStatus(name, placement, snapshot)] : [];
    }),
    edge: edge
      ? { https: edge.ports.https, http: edge.ports.http ?? null, pid: edge.edge.pid ?? null, caFile: edge.edge.caFile }
      : null,
  };
}

/** What a person opens first stands first: the page of the project's own name, then those of others. */
function frontPageFirst(routes: readonly Route[], domain: string): readonly string[] {
  const rank = (url: string): number => {
    const { hostname, pathname } = new URL(url);
    return pathname === '/' ? (hostname === domain ? 0 : 1) : 2;
  };
  return [...new Set(routes.map((route) => route.url))].sort((a, b) => rank(a) - rank(b));
}

function serviceStatus(name: string, placement: Placement, snapshot: Snapshot): ServiceStatus {
  const replicas = snapshot.replicas.filter((replica) => replica.service === name);
  const url =
    snapshot.routes.find((route) => route.service === name)?.url ??
    addressUrl(snapshot.project.services.get(name), replicas[0]);
  const isStatic = placement.kind === 'static';
  return {
    name,
    placement: placementName(placement.kind),
    replicas: isStatic ? 1 : countOf(name, snapshot.wanted),
    state: isStatic ? (snapshot.edge ? 'ready' : 'stopped') : worst(replicas),
    url: (snapshot.others.has(name) ? url?.replace(/^http:/, 'tcp:') : url) ?? null,
    readyMs: rounded(snapshot.readyMs.get(name)),
    pids: replicas.flatMap((replica) => replica.pids),
  };
}

/** A service that nothing routes to is reached where it listens. */
function addressUrl(service: Service | undefined, replica: ReplicaView | undefined): string | undefined {
  const endpoint = replica?.state.at === 'ready' ? replica.endpoints[0] : undefined;
  if (!service || !endpoint) return undefined;
  return urlOf(service, endpoint.address, factsOf(service), endpoint.containerPort);
}

const order = ['crash-loop', 'exited', 'backing-off', 'unhealthy', 'stopping', 'starting', 'ready'] as const;

/** The state of a service is that of its worst replica. */
function worst(replicas: readonly ReplicaView[]): string {
  const states = new Set(replicas.map((replica) => replica.state.at));
  return order.find((state) => states.has(state)) ?? 'stopped';
}

/** The outcome of an `up` in the shape of `camp up --json`. */
export async function upReport(status: ProjectStatus, timing: Timing, project: Project): Promise<UpReport> {
  // loaded only now: nothing of it is needed before the first request
  const { countConfig } = await import('../project/count.ts');
  const { running: _, ...rest } = status;
  return {
    ...rest,
    timeToFirstRequestMs: rounded(timing.timeToFirstRequestMs),
    phases: timing.spans.flatMap((span) => phaseSpan(span) ?? []),
    criticalChain: timing.criticalChain.flatMap((span) => phaseSpan(span) ?? []),
    config: countConfig(project),
  };
}

function phaseSpan(span: Span): PhaseSpan | undefined {
  if (span.endMs === undefined) return undefined;
  return {
    phase: span.phase,
    subject: span.subject,
    beginMs: rounded(span.beginMs),
    endMs: rounded(span.endMs),
  };
}

function rounded(ms: Ms): Ms;
function rounded(ms: Ms | undefined): Ms | null;
function rounded(ms: Ms | undefined): Ms | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}
