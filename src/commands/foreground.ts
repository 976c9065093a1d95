import { constants } from 'node:os';
import { logs, type Session, type UpOutcome } from '../camp.ts';
import type { Event } from '../kit/events.ts';
import { renderWarnings } from '../report/card.ts';
import { hang } from '../report/hang.ts';
import { writeJson } from '../report/json.ts';
import { createUpView, type UpView } from '../report/live.ts';
import { createLogPrinter } from '../report/logs.ts';
import { detectStyle, type Style } from '../report/style.ts';
import { renderUp } from '../report/summary.ts';
import type { UpReport } from '../report/types.ts';
import type { SharedFlags } from './shared-flags.ts';
import { terminalOf } from './terminal.ts';

type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE';

/** A terminal's view of `up`, and what its signals mean: once stops, twice forces. */
export class Foreground {
  readonly #abort = new AbortController();
  readonly #isJson: boolean;
  readonly #isDetached: boolean;
  readonly #style: Style;
  readonly #out = terminalOf('stderr');
  readonly #view: UpView | undefined;
  #session: Session | undefined;
  #isUp = false;
  #isAttached = false;
  #code: number | undefined;
  readonly #print: ReturnType<typeof createLogPrinter>;

  constructor(options: { readonly flags: SharedFlags; readonly isDetached: boolean }) {
    this.#isJson = options.flags.json;
    this.#isDetached = options.isDetached;
    this.#style = detectStyle(this.#out, process.env, options.flags);
    this.#view = this.#isJson ? undefined : createUpView(this.#out, this.#style);
    this.#print = createLogPrinter(this.#out, this.#style);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#interrupt(signal));
    // nobody reads any more (bin/camp.js): said for each line that was not read, so it never forces
    (process as NodeJS.EventEmitter).on('stdout-closed', () => {
      if (this.#code === undefined && !this.#isDetached) this.#interrupt('SIGPIPE');
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** 128 + n once a signal has come. */
  get interruption(): number | undefined {
    return this.#code;
  }

  readonly onEvent = (event: Event): void => {
    // while it starts, what services say is for the logs; what one said that failed stands in its failure
    if (!this.#isUp) {
      if (event.type !== 'output') this.#view?.event(event);
      if (this.#isJson) this.#remark(event);
      return;
    }
    if (this.#isJson || this.#isDetached) return;
    if (event.type === 'output') this.#print(event);
    else this.#remark(event);
  };

  /** What is worth a line, and is no output of a service: on stderr, beside any JSON. */
  #remark(event: Event): void {
    if (event.type !== 'note' && event.type !== 'warning') return;
    const failure = event.type === 'warning' ? event.failure : undefined;
    const subject = event.type === 'note' && event.subject ? `${event.subject}: ` : '';
    this.#out.write(`${failure ? renderWarnings([failure], this.#style) : subject + event.message}\n`);
  }

  finish(): void {
    this.#view?.finish();
  }

  showReport(report: UpReport): void {
    this.#isUp = true;
    this.finish();
    if (this.#isJson) writeJson(report);
    else
      process.stdout.write(
        `${renderUp(report, detectStyle(terminalOf('stdout'), process.env, { color: this.#style.hasColour }))}\n`,
      );
    if (!this.#isDetached && !this.#isJson && !this.#isAttached) this.#say('logs follow; Ctrl-C stops everything');
  }

  /** The project is another camp's: an interruption ends only the looking. */
  attach(): void {
    this.#isAttached = true;
  }

  async stayWith(session: Session): Promise<void> {
    this.#session = session;
    if (this.#code !== undefined) void session.stop(false);
    await session.ended;
    if (!this.#isDetached) this.#say('stopped');
  }

  #interrupt(signal: StopSignal): void {
    // a detached supervisor has left its terminal: only TERM ends it
    if (signal === 'SIGHUP' && this.#isDetached && this.#isUp) return;
    const isSecond = this.#code !== undefined;
    this.#code = 128 + constants.signals[signal];
    if (!isSecond && !this.#isDetached && !this.#isAttached) this.#say('stopping; Ctrl-C once more forces');
    this.#abort.abort(new Error(`interrupted by ${signal}`));
    void this.#session?.stop(isSecond);
  }

  #say(text: string): void {
    if (!this.#isJson) this.#out.write(`${text}\n`);
  }
}

/** The project is run by another camp: shows its logs until it ends or the person has seen enough; it goes on running. */
export async function attachTo(outcome: UpOutcome & { kind: 'attached' }, foreground: Foreground): Promise<void> {
  const { project } = outcome.report;
  const sinceMs = Date.now();
  const text = `${project} is run by another camp (pid ${outcome.pid}); Ctrl-C leaves it running, camp down stops it`;
  const { isTTY, columns } = terminalOf('stderr');
  terminalOf('stderr').write(`${isTTY && columns ? hang(text, columns) : text}\n`);
  await logs({
    dir: process.cwd(),
    env: process.env,
    services: [],
    sinceMs,
    isFollowing: true,
    onRecord: (record) => foreground.onEvent({ type: 'output', t: 0, ...record }),
    signal: foreground.signal,
  }).catch((error: unknown) => {
    if (!foreground.signal.aborted) throw error;
  });
}
