import { constants } from 'node:os';
import { Command, Flags } from '@oclif/core';
import { hang } from '../report/hang.ts';
import { writeJson } from '../report/json.ts';
import { detectStyle, type Style } from '../report/style.ts';
import { reportError } from './errors.ts';
import { type ParsedFlags, type ProjectFlags, projectFlags, type SharedFlags, sharedFlags } from './shared-flags.ts';
import { terminalOf } from './terminal.ts';

export { terminalOf } from './terminal.ts';

const fileFlag = {
  description: 'compose file, instead of those that are found; again for one that is merged over it',
  helpValue: 'FILE',
  multiple: true,
  // one value a flag: what follows is an argument
  multipleNonGreedy: true,
  helpGroup: 'GLOBAL',
} as const;

/** `--file` with the short form that Compose gives it, for commands whose `-f` is not taken. */
export const shortFileFlag = { file: Flags.string({ ...fileFlag, char: 'f' }) };

/** Where services run, for one `up` or plan. */
export const placementFlags = {
  docker: Flags.boolean({ description: 'everything in containers, the edge too', exclusive: ['native'] }),
  native: Flags.boolean({ description: 'no containers' }),
};

/** What all commands share: the shared flags, the project's folder, one way to answer and one to fail. */
export abstract class CampCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({ description: 'one JSON object on stdout, nothing else', helpGroup: 'GLOBAL' }),
    color: Flags.boolean({ description: 'no colours (or --color: always)', allowNo: true, helpGroup: 'GLOBAL' }),
    dir: Flags.string({
      char: 'C',
      description: 'the project lies here, or in a folder above',
      helpValue: 'DIR',
      helpGroup: 'GLOBAL',
    }),
    file: Flags.string(fileFlag),
    profile: Flags.string({
      description: 'services with this profile too; again for another one',
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      helpGroup: 'GLOBAL',
    }),
  };

  #shared: SharedFlags | undefined;
  #interruption: AbortController | undefined;
  #signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;

  override async init(): Promise<void> {
    const { flags } = await this.parse(this.ctor);
    this.#shared = sharedFlags(flags as ParsedFlags);
  }

  /** Whatever a command throws ends here: shown once, with the exit code of its fault. */
  protected override async catch(error: Error & { readonly oclif?: { readonly exit?: number } }): Promise<void> {
    // oclif would add a warning where NODE_ENV is development or test
    this.parsed = true;
    if (this.#signal) process.exitCode = 128 + constants.signals[this.#signal];
    else
      process.exitCode = reportError(
        error,
        { isJson: this.#isJsonWanted(), ...(this.#shared?.color === undefined ? {} : { color: this.#shared.color }) },
        this.ctor,
      );
  }

  protected get shared(): SharedFlags {
    return this.#shared ?? { json: this.#isJsonWanted() };
  }

  /** The project that the flags mean, and the environment. Throws NOT_A_PROJECT (usage). */
  protected get project(): ProjectFlags & { readonly env: NodeJS.ProcessEnv } {
    return { ...projectFlags(this.shared), env: process.env };
  }

  /** How to write to stdout. */
  protected get style(): Style {
    return detectStyle(terminalOf('stdout'), process.env, this.shared);
  }

  /** Aborted by the first Ctrl-C, TERM or HUP; the command then ends with 128 + n. */
  protected get interruption(): AbortSignal {
    if (!this.#interruption) {
      const controller = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
        process.once(signal, () => {
          this.#signal = signal;
          controller.abort(new Error(`interrupted by ${signal}`));
        });
      this.#interruption = controller;
    }
    return this.#interruption.signal;
  }

  /** The outcome: the object with `--json`, else the text. */
  protected answer(report: unknown, text: string): void {
    if (this.shared.json) writeJson(report);
    else process.stdout.write(`${process.stdout.isTTY ? hang(text, this.style.width) : text}\n`);
  }

  /** Parsing may be what failed, so the words themselves are asked. */
  #isJsonWanted(): boolean {
    const end = this.argv.indexOf('--');
    return (end === -1 ? this.argv : this.argv.slice(0, end)).includes('--json');
  }
}
