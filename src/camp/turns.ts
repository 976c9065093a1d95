/** Work that is done one at a time, in the order in which it was asked for; what fails keeps nobody waiting. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when all that was asked for so far is over. */
  get settled(): Promise<unknown> {
    return this.#last;
  }
}
