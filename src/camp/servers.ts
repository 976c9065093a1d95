import { resolve } from 'node:path';
import type { Emit } from '../kit/events.ts';
import { type UserFolders, userFolders } from '../kit/paths.ts';
import type { Observed, Placement, ServerProgram } from '../plan/types.ts';
import type { Project, ServerImage, Service } from '../project/types.ts';
import { dataInWords, type ServersSetup, wantedMajor } from '../runtime/native/servers/servers.ts';
import { findTool } from '../tools/find.ts';
import { installHint, knownTools } from '../tools/known.ts';
import type { Tool } from '../tools/types.ts';
import type { StateFolders } from './folders.ts';

export interface ServerHostSetup {
  readonly env: NodeJS.ProcessEnv;
  readonly folders: StateFolders;
  readonly emit: Emit;
  placementOf(service: string): Placement['kind'] | undefined;
}

/** The servers of a project that run without a container: their programs, and where their data lie. */
export class ServerHost {
  readonly #setup: ServerHostSetup;
  readonly #user: UserFolders;
  readonly #found = new Map<string, Tool>();

  constructor(setup: ServerHostSetup) {
    this.#setup = setup;
    this.#user = userFolders(setup.env);
  }

  /** What the native runtime gets of it. */
  runtime(): ServersSetup & { isServer(service: Service): boolean } {
    const { folders, emit } = this.#setup;
    return {
      data: this.#data,
      run: resolve(folders.run),
      cache: this.#user.cache,
      isServer: ({ name }) => this.#setup.placementOf(name) === 'server',
      programOf: (service) => this.#programOf(service),
      say: (subject, message) => emit({ type: 'note', subject, message }),
    };
  }

  /** Which of their programs are missing, and which have data. */
  observe(
    services: ReadonlyMap<string, Service>,
    placements: ReadonlyMap<string, Placement>,
  ): Pick<Observed, 'missingServers' | 'data'> {
    const missingServers = new Map<string, ServerProgram>();
    const data = new Map<string, string>();
    for (const [name, { kind }] of placements) {
      const service = services.get(name);
      if (kind !== 'server' || !service?.server) continue;
      if (!this.#programOf(service)) missingServers.set(name, programOf(service, this.#data));
      const words = dataInWords(this.#data, name);
      if (words) data.set(name, words);
    }
    return { missingServers, data };
  }

  /** Carries out a `provision` step. Throws NO_SERVER (machine). */
  async provision({ tool, major }: ServerProgram, signal: AbortSignal): Promise<void> {
    const { fetchTool } = await import('../tools/fetch.ts');
    const { env, emit } = this.#setup;
    const wish = major === undefined ? {} : { major };
    this.#found.set(keyOf({ tool, ...wish }), await fetchTool(tool, wish, { folders: this.#user, env, signal, emit }));
  }

  get #data(): string {
    return resolve(this.#setup.folders.data);
  }

  #programOf(service: Service): Tool | undefined {
    const program = programOf(service, this.#data);
    const key = keyOf(program);
    const { tool, ...wish } = program;
    const known = this.#found.get(key) ?? findTool(tool, wish, this.#user, this.#setup.env).tool;
    if (known) this.#found.set(key, known);
    return known;
  }
}

function programOf(service: Service, data: string): ServerProgram {
  const { name } = service.server as ServerImage;
  // the data of PostgreSQL belong to one major version of it; the others read what older ones wrote
  const major = name === 'postgres' ? wantedMajor(service, data) : undefined;
  return { tool: name, ...(major === undefined ? {} : { major }) };
}

function keyOf({ tool, major }: ServerProgram): string {
  return `${tool} ${major ?? ''}`;
}

/**
 * What camp does not fetch runs without a container only where somebody has installed it: RabbitMQ brings a whole Erlang.
 * Where it is not, its services are such that need their container.
 */
export function withInstalledServers(project: Project, env: NodeJS.ProcessEnv): Project {
  const isBroker = ({ server }: Service): boolean => server?.name === 'rabbitmq' && server.obstacle === undefined;
  if (![...project.services.values()].some(isBroker)) return project;
  if (findTool('rabbitmq', {}, userFolders(env), env).tool) return project;
  const why = { obstacle: 'RabbitMQ is not installed on this machine', fix: installHint(knownTools.rabbitmq) };
  const services = [...project.services].map(([name, service]): readonly [string, Service] => [
    name,
    service.server && isBroker(service) ? { ...service, server: { ...service.server, ...why } } : service,
  ]);
  return { ...project, services: new Map(services) };
}
