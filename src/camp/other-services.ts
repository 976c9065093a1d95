import type { Emit } from '../kit/events.ts';
import { routesOfServices } from '../project/routes.ts';
import type { Project } from '../project/types.ts';

/** Services that a guess has led a route to, and that have turned out not to speak HTTP. */
export class OtherServices {
  readonly #emit: Emit;
  readonly #names = new Set<string>();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  add(service: string): void {
    this.#names.add(service);
    const message = 'does not speak HTTP: it has its own address and no name';
    this.#emit({ type: 'note', subject: service, message });
  }

  /** The project without routes to them; routes that somebody has written stay. */
  withoutRoutes(project: Project): Project {
    if (project.caddyfile.path !== undefined || !project.compose || this.#names.size === 0) return project;
    const text = routesOfServices(project.services.values(), project.name, this.#names);
    return { ...project, caddyfile: { text } };
  }
}
