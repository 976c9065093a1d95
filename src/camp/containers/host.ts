import { join } from 'node:path';
import { mayConnectFromContainers } from '../../edge/answering.ts';
import type { EdgeContainer } from '../../edge/types.ts';
import type { Clock } from '../../kit/clock.ts';
import type { Emit, Endpoint } from '../../kit/events.ts';
import { CampError, fail, failuresOf } from '../../kit/failure.ts';
import { makeFolder } from '../../kit/files.ts';
import type { EngineState, RuntimeKind, Steps, Wanted } from '../../plan/types.ts';
import type { Project, Service } from '../../project/types.ts';
import type { ComposeModel } from '../../runtime/docker/compose.ts';
import type { Api } from '../../runtime/docker/engine/types.ts';
import { projectLabel } from '../../runtime/docker/labels.ts';
import type { DockerRuntime } from '../../runtime/docker/types.ts';
import type { PortLeases } from '../../runtime/native/leases.ts';
import type { Gateway, ProcessPort } from '../../runtime/wiring/gateway.ts';
import type { Neighbour } from '../../runtime/wiring/neighbours.ts';
import type { StateFolders } from '../folders.ts';
import { Foresight } from './foresight.ts';
import { containerMark, markContainers } from './mark.ts';
import type { Wishes } from './wishes.ts';

export interface ContainerSetup {
  readonly env: NodeJS.ProcessEnv;
  readonly folders: StateFolders;
  /** Caddy's storage: the CA of this user. */
  readonly storage: string;
  readonly leases: PortLeases;
  readonly clock: Clock;
  readonly emit: Emit;
  pressure(): Promise<void> | undefined;
  /** Where a process of a service listens, or will. */
  portOf(service: Service, index: number): number;
  /** Processes that listen now, by service. */
  processes(): ReadonlyMap<string, ProcessPort>;
  /** For a command that only looks: what it finds may be another camp's, and nothing is ended. */
  readonly isLooking?: true;
  /** Ports of the edge, where it is to run in a container. */
  edgePorts(project: Project, heldPorts: ReadonlySet<number>): readonly number[];
}

/** How often a port is chosen for a container before that is given up. */
const mostPortTries = 3;

/**
 * The container side of one project. Nothing of Docker is loaded or asked before a service needs a container,
 * or a camp before this one has left word that it made some.
 */
export class ContainerHost {
  readonly #setup: ContainerSetup;
  #runtime: DockerRuntime | undefined;
  #project: Project | undefined;
  #wishes: Wishes | undefined;
  #wanted: Omit<Wanted, 'hashes'> | undefined;
  #gateway: Gateway | undefined;
  #subnets: readonly string[] = [];
  readonly #foresight: Foresight;
  readonly #said = new Set<string>();
  #hasLookedForEdge = false;

  constructor(setup: ContainerSetup) {
    this.#setup = setup;
    this.#foresight = new Foresight(setup.env, setup.folders);
  }

  /** Undefined while nothing has needed a container. */
  get running(): DockerRuntime | undefined {
    return this.#runtime;
  }

  readonly runtime = (): DockerRuntime => this.#runtime ?? fail('bug', 'BUG', 'no engine has been asked for');

  /** An engine will be needed, and no file has been read yet. */
  async greet(signal: AbortSignal): Promise<void> {
    if (!this.#runtime) await this.#foresight.greet(signal);
  }

  /** What is asked for, before it is known whether it can be had. */
  async foresee(project: Project, asked: Omit<Wanted, 'hashes'>): Promise<void> {
    const isFresh = !this.#runtime && !this.#setup.isLooking && !this.mayHaveLeft;
    if (isFresh && asked.edge === 'container') await this.#foresight.expect(project, asked);
  }

  /** Connects to the engine, once; a failure is the state's, and the next time it is tried again. */
  async connect(project: Project, signal: AbortSignal): Promise<EngineState> {
    try {
      this.#project = project;
      this.#runtime ??= await this.#open(project, signal);
      const expected = this.#foresight.takeExpected();
      if (expected) this.#runtime.foresee(expected);
      return { at: 'reachable' };
    } catch (error) {
      const [failure] = error instanceof CampError ? error.failures : [];
      if (failure?.fault !== 'machine') throw error;
      return { at: 'unreachable', failure };
    }
  }

  async #open(project: Project, signal: AbortSignal): Promise<DockerRuntime> {
    const { env, folders, clock, emit, pressure } = this.#setup;
    const { openDocker } = await import('../../runtime/docker/open.ts');
    const now = (): Project => this.#project ?? project;
    const { modelOf } = await import('../../project/compose/model.ts');
    const model = (): ComposeModel => modelOf(now(), env) as unknown as ComposeModel;
    const { compose: ahead } = this.#foresight;
    const greeted = this.#foresight.takeEngine();
    return openDocker({ project: now, model, env, folders, clock, emit, pressure, signal, ahead, greeted });
  }

  /** What each container is to be created of; returns what the planner compares. */
  async prepare(project: Project, wanted: Omit<Wanted, 'hashes'>): Promise<ReadonlyMap<string, string>> {
    await this.#endLeftEdge();
    const placed = [...wanted.placements].filter(([, { kind }]) => kind === 'container');
    if (placed.length === 0 && wanted.edge === 'process') return new Map();
    const { wishesFor } = await import('./wishes.ts');
    const ownPorts = await this.#ownPorts(project);
    const isReachedInside = wanted.edge === 'container' && this.#runtime?.engine.isLocalLinux === true;
    const held = await this.#foresight.takeListeners();
    const heldPorts = new Set(held.flatMap(({ port }) => (ownPorts.has(port) ? [] : [port])));
    const edgePorts = (of: Project): readonly number[] => this.#setup.edgePorts(of, heldPorts);
    const runDir = this.#setup.folders.run;
    const around = { ...this.#setup, ownPorts, heldPorts, edgePorts, isReachedInside, runDir };
    this.#wanted = wanted;
    this.#wishes = await wishesFor(project, wanted, around);
    for (const { service, message } of this.#wishes.notes) this.#say(service, message);
    this.#runtime?.want(this.#wishes.containers, this.#wishes.edge);
    if (this.#wishes.isMixed && this.#runtime) await this.#lookAtNetworks(project.id);
    return new Map(this.#wishes.containers.map(({ service, hash }) => [service.name, hash]));
  }

  /** An edge in a container that a camp before this one has left: nobody knows what it serves, and it holds the ports. */
  async #endLeftEdge(): Promise<void> {
    if (this.#hasLookedForEdge || this.#setup.isLooking) return;
    this.#hasLookedForEdge = true;
    if (this.mayHaveLeft) await this.#runtime?.edgeContainer().stop();
  }

  async #ownPorts(project: Project): Promise<ReadonlySet<number>> {
    const own = await this.#runtime?.engine.api.listContainers([`${projectLabel}=${project.id}`]);
    return new Set(own?.flatMap(({ ports }) => ports.map(({ hostPort }) => hostPort)));
  }

  /** Once, however often the project is converged. */
  #say(subject: string, message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#setup.emit({ type: 'note', subject, message });
  }

  /** Images that must be built before a container can be created, and why. */
  async staleBuilds(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    if (!this.#runtime || !this.#wishes) return new Map();
    const { staleImages } = await import('../../runtime/docker/image-records.ts');
    return staleImages(this.#runtime.engine.api, this.#wishes.images, this.#setup.folders.state, signal);
  }

  /** Carries out a `build` step; what went into the images is remembered. */
  async build({ services }: Steps['build'], signal: AbortSignal): Promise<void> {
    const { fingerprintsOf, recordImages } = await import('../../runtime/docker/image-records.ts');
    const built = fingerprintsOf(this.#wishes?.images.filter(({ service }) => services.includes(service)) ?? []);
    await this.runtime().build(services, signal);
    recordImages(this.#setup.folders.state, built);
  }

  /** Carries out a `create` step. Whoever comes after a camp that is killed here knows that there may be containers. */
  async create(step: Steps['create'], signal: AbortSignal): Promise<void> {
    const { state, run } = this.#setup.folders;
    markContainers(state, 'there');
    // the engine would make the folder, as root
    if (step.edge) makeFolder(join(run, 'edge'), 0o700);
    await this.runtime().create(step, signal);
    if (this.#wishes?.isMixed) await this.#lookAtNetworks(this.#wishes.projectId);
    await this.relay();
  }

  /** Starts a replica; a port that somebody has taken since it was chosen is chosen anew, which takes another container. */
  async start(service: Service, index: number, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        return await this.runtime().start(service, index);
      } catch (error) {
        const isTaken = failuresOf(error).some(({ code }) => code === 'PORT_IN_USE');
        if (!isTaken || attempt === mostPortTries || !this.#project || !this.#wanted) throw error;
        await this.prepare(this.#project, this.#wanted);
        await this.runtime().create({ services: [service.name], replaced: [service.name], edge: false }, signal);
      }
  }

  /**
   * Lets containers reach what listens on loopback now. On Docker Desktop the engine does it; a native one leads
   * `host.docker.internal` to the gateway of its bridge, where nobody listens but this.
   */
  async relay(): Promise<void> {
    if (!this.#wishes?.isMixed || !this.#runtime?.engine.isLocalLinux) return;
    this.#gateway ??= await this.#openGateway(this.#runtime.engine.api);
    await this.#gateway.update();
  }

  /** Whose containers may ask the gateway: those on the project's own networks. */
  async #lookAtNetworks(projectId: string): Promise<void> {
    const own = await this.runtime().engine.api.listNetworks([`${projectLabel}=${projectId}`]);
    this.#subnets = own.flatMap((one) => one.subnets.map(({ subnet }) => subnet));
  }

  async #openGateway(api: Api): Promise<Gateway> {
    const { createGateway } = await import('../../runtime/wiring/gateway.ts');
    const bridge = await api.inspectNetwork('bridge');
    return createGateway({
      addresses: bridge?.subnets.map(({ gateway }) => gateway) ?? [],
      subnets: () => this.#subnets,
      processes: () => this.#setup.processes(),
    });
  }

  /** Where a replica is reached from the edge: what it publishes here, or, beside an edge in a container, its own name. */
  endpointsOf(service: Service, index: number, edge: RuntimeKind, running: readonly Endpoint[]): readonly Endpoint[] {
    const expected = this.#wishes?.endpointsOf(service.name, index, edge) ?? [];
    if (edge === 'container' && running.some(({ inside }) => inside))
      return running.flatMap((one) => (one.inside ? [{ ...one, address: one.inside }] : []));
    return edge === 'process' && running.length > 0 ? running : expected;
  }

  /** The container that the edge runs in; it publishes what the edge turns out to listen on. */
  edgeContainer(): EdgeContainer {
    const container = this.runtime().edgeContainer();
    return {
      get pid() {
        return container.pid;
      },
      get address() {
        return container.address;
      },
      isBesides: this.runtime().engine.isLocalLinux && mayConnectFromContainers(),
      start: (signal, ports) => {
        const edge = this.#wishes?.edge;
        if (this.#wishes && edge && !isSame(edge.ports, ports)) {
          this.#wishes = { ...this.#wishes, edge: { ...edge, ports } };
          this.runtime().want(this.#wishes.containers, this.#wishes.edge);
        }
        return container.start(signal);
      },
      mayBegin: () => container.mayBegin(),
      exec: (argv, stdin, signal) => container.exec(argv, stdin, signal),
      stop: () => container.stop(),
      onLine: (listener) => container.onLine(listener),
      onExit: (listener) => container.onExit(listener),
    };
  }

  /** The services in containers as a process reaches them. */
  neighbours(): readonly Neighbour[] {
    return this.#wishes?.neighbours((service, port) => this.#published(service, port)) ?? [];
  }

  #published(service: string, containerPort: number): number | undefined {
    const first = this.#runtime?.replicas().find((one) => one.service === service && one.index === 1);
    const found = first?.endpoints.find((one) => one.containerPort === containerPort);
    return found?.address.startsWith('127.0.0.1:') ? Number(found.address.slice('127.0.0.1:'.length)) : undefined;
  }

  /** Some have been created and not all removed since, as far as is known here. */
  get mayHaveLeft(): boolean {
    return containerMark(this.#setup.folders.state) === 'there';
  }

  /** Throws what keeps the engine from being reached. */
  async shutdown(force: AbortSignal): Promise<void> {
    this.#foresight.end();
    await this.#gateway?.close();
    this.#gateway = undefined;
    if (!this.#runtime) return;
    this.#runtime.foresee(undefined);
    // nothing was made: an engine that hangs is not waited for once more
    if (!this.mayHaveLeft && this.#runtime.replicas().length === 0) return;
    await this.#runtime.shutdown(force);
    markContainers(this.#setup.folders.state, 'gone');
  }
}

function isSame(some: readonly number[], others: readonly number[]): boolean {
  return some.length === others.length && some.every((port) => others.includes(port));
}
