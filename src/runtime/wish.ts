type Kind = 'run' | 'restart' | 'stop';

/** What was asked of a replica last, by whoever asks; its supervisor looks here after each thing that takes time. */
export class Wish {
  #kind: Kind = 'run';
  #changed = new AbortController();

  is(kind: Kind): boolean {
    return this.#kind === kind;
  }

  /** Aborted when the wish changes: whatever the supervisor waits for is given up. Another one after each `run`. */
  get changed(): AbortSignal {
    return this.#changed.signal;
  }

  /** After a stop nothing but `run` changes it any more. */
  change(kind: 'restart' | 'stop'): void {
    if (this.#kind === 'stop') return;
    this.#kind = kind;
    this.#changed.abort();
  }

  /** It is being started; what is asked from here on counts for this start. */
  run(): void {
    this.#kind = 'run';
    this.#changed = new AbortController();
  }
}
