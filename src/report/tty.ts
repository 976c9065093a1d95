import { isCi, type OutputStream } from './style.ts';

/** The person has pressed Ctrl-C or Escape at a question: nothing is to be done, and nothing is wrong. */
export class Cancelled extends Error {
  constructor() {
    super('cancelled');
    this.name = 'Cancelled';
  }
}

export interface Choice {
  readonly value: string;
  readonly hint: string;
}

/** Questions on a terminal; every one has a default. Each throws Cancelled. */
export interface Prompts {
  text(question: string, fallback: string, problemOf: (answer: string) => string | undefined): Promise<string>;
  choose(question: string, choices: readonly Choice[]): Promise<string>;
  /** Return alone gives the answer that can be undone. */
  confirm(question: string, answer: { readonly isDangerous: boolean }): Promise<boolean>;
}

/** Whether somebody is there to answer: both ends are terminals and it is no CI. */
export function canAsk(input: OutputStream, output: OutputStream, env: NodeJS.ProcessEnv): boolean {
  return input.isTTY === true && output.isTTY === true && env['TERM'] !== 'dumb' && !isCi(env);
}

/** The one door to the library that asks; loaded when there is something to ask. Questions go to stderr. */
export async function openPrompts(): Promise<Prompts> {
  const clack = await import('@clack/prompts');
  const output = process.stderr;
  const answered = <T>(answer: T): Exclude<T, symbol> => {
    if (typeof answer === 'symbol') throw new Cancelled();
    return answer as Exclude<T, symbol>;
  };
  return {
    async text(message, fallback, problemOf) {
      const validate = (answer: string | undefined): string | undefined => problemOf(answer || fallback);
      return answered(await clack.text({ message, placeholder: fallback, defaultValue: fallback, validate, output }));
    },
    async choose(message, choices) {
      const options = choices.map(({ value, hint }) => ({ value, label: value, hint }));
      return answered(await clack.select({ message, options, output }));
    },
    async confirm(message, { isDangerous }) {
      return answered(await clack.confirm({ message, initialValue: !isDangerous, output }));
    },
  };
}
