import { setImmediate as immediate } from 'node:timers/promises';
import { type Listener, readListeners } from '../../kit/ports.ts';
import type { Wanted } from '../../plan/types.ts';
import type { Project } from '../../project/types.ts';
import type { Engine } from '../../runtime/docker/engine/types.ts';
import type { Expected } from '../../runtime/docker/types.ts';
import type { Waiting } from '../../runtime/docker/waiting.ts';
import type { StateFolders } from '../folders.ts';

/** What a start is about to need is begun while it is busy with something else; nothing is changed. What is taken is taken once. */
export class Foresight {
  readonly #env: NodeJS.ProcessEnv;
  readonly #folders: StateFolders;
  #engine: Promise<Engine> | undefined;
  #compose: Waiting | undefined;
  #expected: Expected | undefined;
  #listeners: Promise<readonly Listener[]> | undefined;

  constructor(env: NodeJS.ProcessEnv, folders: StateFolders) {
    this.#env = env;
    this.#folders = folders;
  }

  /** Begins to connect to the engine; resolves when it has been spoken to, and has its answer to think of. */
  async greet(signal: AbortSignal): Promise<void> {
    const { greetEngine } = await import('../../runtime/docker/open.ts');
    this.#engine = greetEngine(this.#env, this.#folders.state, signal);
    this.#engine.catch(() => undefined); // told to whoever takes it
    // connects, and writes
    await immediate();
    await immediate();
  }

  /** Of a project that has no containers yet and is about to get all of them, its edge too: Compose is started. */
  async expect(project: Project, { placements, replicas }: Pick<Wanted, 'placements' | 'replicas'>): Promise<void> {
    if (!project.compose) return;
    this.end();
    this.#listeners = readListeners();
    const { startAhead } = await import('../../runtime/docker/ahead.ts');
    const { edgeSketch } = await import('./edge-wish.ts');
    const placed = [...project.services.values()].filter(({ name }) => placements.get(name)?.kind === 'container');
    const services = placed.map(({ name, replicas: own }) => ({ service: name, replicas: replicas.get(name) ?? own }));
    this.#expected = { services, edge: edgeSketch(project, placed) };
    this.#compose = startAhead({
      env: this.#env,
      project: { ...project.compose, id: project.id },
      stateDir: this.#folders.state,
      runDir: this.#folders.run,
      expected: this.#expected,
    });
  }

  takeEngine(): Promise<Engine> | undefined {
    const engine = this.#engine;
    this.#engine = undefined;
    return engine;
  }

  takeExpected(): Expected | undefined {
    const expected = this.#expected;
    this.#expected = undefined;
    return expected;
  }

  /** Who listens on this machine. */
  takeListeners(): Promise<readonly Listener[]> {
    const listeners = this.#listeners ?? readListeners();
    this.#listeners = undefined;
    return listeners;
  }

  /** A Compose that waits. */
  get compose(): Waiting | undefined {
    return this.#compose;
  }

  /** The Compose that waits is not needed. */
  end(): void {
    this.#compose?.end();
  }
}
