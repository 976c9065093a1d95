import { constants } from 'node:os';
import { Command, Flags } from '@oclif/core';
import { findProjectDir } from '../camp/folders.ts';
import { hang } from '../report/hang.ts';
import { writeJson } from '../report/json.ts';
import { detectStyle, type Style } from '../report/style.ts';
import { reportError } from './errors.ts';
import type { SharedFlags } from './shared-flags.ts';
import { terminalOf } from './terminal.ts';

export { terminalOf } from './terminal.ts';

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
  };

  #shared: SharedFlags | undefined;
  #interruption: AbortController | undefined;
  #signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;

  override async init(): Promise<void> {
    const { flags } = await this.parse(this.ctor);
    const { json, color, dir } = flags as { json?: boolean; color?: boolean; dir?: string };
    this.#shared = { json: json === true, dir: dir ?? process.cwd(), ...(color === undefined ? {} : { color }) };
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
    return this.#shared ?? { json: this.#isJsonWanted(), dir: process.cwd() };
  }

  /** The nearest folder with project files, from `--dir` upward. Throws NOT_A_PROJECT (usage). */
  protected get projectDir(): string {
    return findProjectDir(this.shared.dir);
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
