import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { authorityFiles } from '../edge/authority.ts';
import { ensureAuthority } from '../edge/ca.ts';
import type { Edge, EdgeContainer, EdgeSetup, Route, Wanted } from '../edge/types.ts';
import type { Emit } from '../kit/events.ts';
import { fail, failuresOf } from '../kit/failure.ts';
import type { UserFolders } from '../kit/paths.ts';
import { listeners } from '../kit/ports.ts';
import type { Observed, RuntimeKind } from '../plan/types.ts';
import type { Project, PublishedPort } from '../project/types.ts';
import { baseEnvironment, type Marks } from '../runtime/native/environment.ts';
import type { PortLeases } from '../runtime/native/leases.ts';
import type { NativeRuntime } from '../runtime/native/types.ts';
import { findCaddy } from '../tools/find-caddy.ts';
import type { Tool } from '../tools/types.ts';
import { accessLogIn } from './access-records.ts';
import { importsFiles } from './caddyfile-check.ts';
import { type ClaimedPorts, claimEdgePorts } from './edge-ports.ts';

export interface EdgeHostSetup {
  readonly env: NodeJS.ProcessEnv;
  readonly user: UserFolders;
  /** Caddy's storage: the CA of this user. */
  readonly storage: string;
  readonly runDir: string;
  /** The project's state, for what is remembered from one run to the next. */
  readonly stateDir: string;
  readonly marks: Marks;
  readonly leases: PortLeases;
  readonly guard: NativeRuntime['guard'];
  readonly emit: Emit;
  /** `--port` */
  readonly port?: number;
  /** The container that the edge is to run in, with `--docker`. */
  edgeContainer(): EdgeContainer;
}

/** What the edge of one project needs around it: a Caddy program, a CA, ports that are claimed, and the edge itself. */
export class EdgeHost {
  readonly #setup: EdgeHostSetup;
  #caddy: Tool | undefined;
  #edge: { readonly kind: RuntimeKind; readonly edge: Edge } | undefined;
  /** What it was told of the project's environment when it started. */
  #env: Project['edgeEnv'] = {};
  #ports: ClaimedPorts | undefined;
  /** The port that people know of. */
  #told: number | undefined;
  #routes: readonly Route[] = [];
  /** The project of an edge that has not served anything yet. */
  #beginning: Project | undefined;
  #routing: Promise<unknown> = Promise.resolve();

  constructor(setup: EdgeHostSetup) {
    this.#setup = setup;
  }

  get caddy(): Tool | undefined {
    return this.#caddy;
  }

  get routes(): readonly Route[] {
    return this.#routes;
  }

  /** What the edge runs in; undefined while there is none. */
  get kind(): RuntimeKind | undefined {
    return this.#edge?.kind;
  }

  /** The edge with its ports, for a status; undefined while there is none. */
  get running(): { readonly edge: Edge; readonly ports: ClaimedPorts } | undefined {
    return this.#edge && this.#ports ? { edge: this.#edge.edge, ports: this.#ports } : undefined;
  }

  /** Throws EDGE_UNREACHABLE (edge) while there is none. */
  get edge(): Edge {
    return this.#edge?.edge ?? fail('edge', 'EDGE_UNREACHABLE', 'the edge is not running', { hints: ['camp up'] });
  }

  observe(project: Project): Pick<Observed, 'hasCaddy' | 'hasAuthority' | 'edge'> {
    this.#caddy ??= findCaddy(this.#setup.user, this.#setup.env).tool;
    const isCurrent = this.#edge !== undefined && this.#hasEnvOf(project);
    return {
      hasCaddy: this.#caddy !== undefined,
      hasAuthority: existsSync(authorityFiles(this.#setup.storage).root),
      ...(isCurrent && this.#edge ? { edge: this.#edge.kind } : {}),
    };
  }

  /** Caddy fills in {$NAME} from the environment that it was started with: whatever else changes need not end connections. */
  #hasEnvOf({ caddyfile, edgeEnv }: Project): boolean {
    const changed = Object.keys({ ...this.#env, ...edgeEnv }).filter((name) => this.#env[name] !== edgeEnv[name]);
    return (
      changed.length === 0 || (!importsFiles(caddyfile.text) && !changed.some((name) => caddyfile.text.includes(name)))
    );
  }

  async provision(tool: 'caddy' | 'ca', signal: AbortSignal): Promise<void> {
    const { user, env, storage, emit } = this.#setup;
    if (tool === 'ca') {
      await ensureAuthority({ storage, caddy: this.#theCaddy().path, env: this.#environment({}) }, signal);
      return;
    }
    const { fetchCaddy } = await import('../tools/fetch-caddy.ts');
    this.#caddy = await fetchCaddy({ folders: user, env, signal, emit });
  }

  /** The ports that the edge has, or will have. */
  portsOf(project: Project, refused: ReadonlySet<number> = new Set()): ClaimedPorts {
    this.#ports ??= this.#claimPorts(project, refused);
    return this.#ports;
  }

  /** Starts the edge, on other ports where those it would have are taken by somebody who claims nothing. */
  async start(
    kind: RuntimeKind,
    project: Project,
    signal: AbortSignal,
    refused: Set<number> = new Set(),
  ): Promise<void> {
    await this.#edge?.edge.stop();
    this.#env = project.edgeEnv;
    this.#beginning = project;
    for (;;) {
      const ports = this.portsOf(project, refused);
      const edge = await this.#create(kind, project, ports);
      this.#edge = { kind, edge };
      try {
        return await edge.start(signal);
      } catch (error) {
        this.#edge = undefined;
        if (!isTaken(error) || this.#setup.port !== undefined) throw error;
        this.#refuse(ports, refused);
      }
    }
  }

  #refuse(ports: ClaimedPorts, refused: Set<number>): void {
    for (const port of heldPorts(ports)) refused.add(port);
    ports.release();
    this.#ports = undefined;
  }

  /** Loaded only now: by then the services are on their way. */
  async #create(kind: RuntimeKind, project: Project, ports: ClaimedPorts): Promise<Edge> {
    const setup = this.#edgeSetup(project, ports);
    if (kind === 'process') return (await import('../edge/edge.ts')).createEdge(setup);
    const { createContainerEdge } = await import('../edge/container-edge.ts');
    return createContainerEdge({
      ...setup,
      container: this.#setup.edgeContainer(),
      memory: join(this.#setup.stateDir, 'caddyfile-adapted.json'),
      declared: project.edgeEnv,
      expected: project.caddyfile,
    });
  }

  /** One after the other: the first may have to move the edge. */
  route(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const turn = this.#routing.then(() => this.#route(wanted, signal));
    this.#routing = turn.catch(() => undefined);
    return turn;
  }

  async #route(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const beginning = this.#beginning;
    const isFree = this.#setup.port === undefined;
    const refused = new Set<number>();
    for (let moves = 0; ; moves++)
      try {
        this.#routes = await this.edge.route(wanted, signal);
        break;
      } catch (error) {
        // a container gets its ports only now: somebody may have taken one since they were free, and may have it no more
        const mayMove = this.kind === 'container' && beginning && moves < (isFree ? mostMoves : 1);
        if (!mayMove || !isTaken(error)) throw error;
        if (isFree && this.#ports) this.#refuse(this.#ports, refused);
        await this.start('container', beginning, signal, refused);
      }
    this.#beginning = undefined;
    this.#tellPort();
  }

  /** Why it is not 443: once it is known, not for each port that was tried, and not again for the one of last time. */
  #tellPort(): void {
    const { https, note } = this.#ports ?? {};
    if (note && https !== this.#told) this.#setup.emit({ type: 'note', subject: 'edge', message: note });
    this.#told = https;
  }

  async stop(): Promise<void> {
    await this.#edge?.edge.stop();
  }

  releasePorts(): void {
    this.#ports?.release();
  }

  #edgeSetup(project: Project, ports: ClaimedPorts): EdgeSetup {
    const { emit, guard, storage, runDir, stateDir } = this.#setup;
    return {
      caddy: this.#theCaddy().path,
      projectDir: project.dir,
      runDir,
      storage,
      env: this.#environment(project.edgeEnv),
      ports,
      emit,
      guard,
      onLine: (line) => emit({ type: 'output', replica: 'edge', service: 'edge', stream: 'stderr', line }),
      ...accessLogIn(resolve(project.dir, stateDir, 'logs')),
      onRestart: () => emit({ type: 'note', subject: 'edge', message: 'Caddy had ended and was started again' }),
    };
  }

  #claimPorts(project: Project, refused: ReadonlySet<number>): ClaimedPorts {
    const { leases, user, port } = this.#setup;
    const before = leases.peek('edge:https');
    const ports = claimEdgePorts(join(user.state, 'ports'), `project ${project.name} in ${project.dir}`, {
      ...(port === undefined ? {} : { strict: port }),
      ...(before === undefined ? {} : { before }),
      refused,
      declared: new Set(
        [...project.services.values()].flatMap(({ isEdge, ports: own }) => (isEdge ? [] : hostsOf(own))),
      ),
    });
    this.#told ??= before;
    leases.set('edge:https', ports.https);
    return ports;
  }

  #environment(declared: Readonly<Record<string, string>>): Record<string, string> {
    return { ...baseEnvironment(this.#setup.env, [], this.#setup.marks), ...declared };
  }

  #theCaddy(): Tool {
    return this.#caddy ?? fail('machine', 'NO_CADDY', 'there is no Caddy', { hints: ['camp doctor'] });
  }
}

/** How often other ports are tried before it is said that they are taken. */
const mostMoves = 8;

function hostsOf(ports: readonly PublishedPort[]): readonly number[] {
  return ports.flatMap(({ host, protocol }) => (host === undefined || protocol === 'udp' ? [] : host));
}

function isTaken(error: unknown): boolean {
  return failuresOf(error).some((one) => one.code === 'PORT_IN_USE');
}

/** The claimed ports that somebody else listens on; the first when nobody does any more: it changes hands too quickly. */
function heldPorts(ports: ClaimedPorts): readonly number[] {
  const open = new Set(listeners().map((one) => one.port));
  const held = [ports.https, ports.http].filter((port): port is number => port !== undefined && open.has(port));
  return held.length > 0 ? held : [ports.https];
}
