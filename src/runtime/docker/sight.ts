import type { Api, ContainerDetail } from './engine/types.ts';

/** What the engine last said of one container. */
export class Sight {
  /** Undefined when it has not been looked at, or is not there any more. */
  seen: ContainerDetail | undefined;
  readonly #api: Api;
  readonly #containerId: string;
  readonly #onLook: () => void;
  #looking: Promise<void> = Promise.resolve();

  constructor(api: Api, containerId: string, onLook: () => void) {
    this.#api = api;
    this.#containerId = containerId;
    this.#onLook = onLook;
  }

  /** Asks the engine afresh; an answer that is older than another never comes after it. */
  look(): Promise<void> {
    const before = this.#looking;
    this.#looking = (async () => {
      await before.catch(() => undefined);
      this.seen = await this.#api.inspectContainer(this.#containerId);
      this.#onLook();
    })();
    return this.#looking;
  }
}
