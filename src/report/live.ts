import type { Event, Ms } from '../kit/events.ts';
import { renderWarnings } from './card.ts';
import { LogFormat } from './log-line.ts';
import { foldRow, nameOf, type Row, type Rows } from './rows.ts';
import { paint, type Style, symbolsOf } from './style.ts';
import { seconds } from './summary.ts';
import { displayWidth, pad, truncate, wrap } from './width.ts';

export interface UpView {
  event(event: Event): void;
  /** Takes the live lines away and gives the terminal back; nothing is written afterwards. */
  finish(): void;
}

/** A terminal's stream; its size may change at any time. */
export interface ViewOutput {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
}

/** Shows how a project comes up: live lines on a terminal, elsewhere one plain line for each change. */
export function createUpView(out: ViewOutput, style: Style): UpView {
  return style.isLive ? new LiveView(out, style) : new PlainView(out, style);
}

class PlainView implements UpView {
  readonly #out: ViewOutput;
  readonly #style: Style;
  readonly #logs: LogFormat;
  #rows: Rows = new Map();
  #isFinished = false;

  constructor(out: ViewOutput, style: Style) {
    this.#out = out;
    this.#style = style;
    this.#logs = new LogFormat(style);
  }

  event(event: Event): void {
    if (this.#isFinished) return;
    for (const line of linesAbove(event, this.#style, this.#logs)) this.#out.write(`${line}\n`);
    const before = this.#rows;
    this.#rows = foldRow(before, event);
    for (const [name, row] of this.#rows) if (isNews(before.get(name), row)) this.#out.write(`${plainRow(row)}\n`);
  }

  finish(): void {
    this.#isFinished = true;
  }
}

/** A wait that is always there is no news; a fetch or an installation that begins is. */
function isNews(before: Row | undefined, now: Row): boolean {
  if (before?.words === now.words) return false;
  return now.state !== 'busy' || /^(fetching|installing|being made|building|creating)/.test(now.words);
}

function plainRow({ name, words, state, endedAt }: Row): string {
  return `${name}: ${words}${state === 'done' && endedAt !== undefined ? ` at ${seconds(endedAt)}` : ''}`;
}

const frameMs: Ms = 100;
const codes = {
  // a terminal that knows "synchronized output" shows a frame whole, the others ignore it
  begin: '\x1b[?2026h',
  end: '\x1b[?2026l',
  hideCursor: '\x1b[?25l',
  showCursor: '\x1b[?25h',
  clearDown: '\r\x1b[0J',
};

class LiveView implements UpView {
  readonly #out: ViewOutput;
  readonly #style: Style;
  readonly #logs: LogFormat;
  readonly #timer: NodeJS.Timeout;
  readonly #restore = (): void => void this.#out.write(codes.showCursor);
  /** How far the events' clock is behind this process's. */
  #lag: Ms | undefined;
  #rows: Rows = new Map();
  #above: string[] = [];
  #drawn: readonly string[] = [];
  #drawnAt: Ms = Number.NEGATIVE_INFINITY;
  #frame = 0;
  #isCursorHidden = false;
  #isFinished = false;

  constructor(out: ViewOutput, style: Style) {
    this.#out = out;
    this.#style = style;
    this.#logs = new LogFormat(style);
    this.#timer = setInterval(() => {
      this.#frame += 1;
      this.#draw();
    }, frameMs).unref();
  }

  event(event: Event): void {
    if (this.#isFinished) return;
    this.#lag ??= performance.now() - event.t;
    this.#rows = foldRow(this.#rows, event);
    this.#above.push(...linesAbove(event, { ...this.#style, width: this.#columns }, this.#logs));
    if (performance.now() - this.#drawnAt >= frameMs) this.#draw();
  }

  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    clearInterval(this.#timer);
    this.#write([]);
    if (!this.#isCursorHidden) return;
    this.#out.write(codes.showCursor);
    process.off('exit', this.#restore);
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    this.#write(this.#lines());
  }

  #write(lines: readonly string[]): void {
    const above = this.#above;
    if (above.length === 0 && lines.join('\n') === this.#drawn.join('\n')) return;
    if (!this.#isCursorHidden && lines.length > 0) {
      this.#isCursorHidden = true;
      this.#out.write(codes.hideCursor);
      process.once('exit', this.#restore);
    }
    const text = [...above, ...lines].map((line) => `${line}\n`).join('');
    this.#out.write(codes.begin + this.#back() + text + codes.end);
    this.#above = [];
    this.#drawn = lines;
  }

  /** To the first cell of what was drawn last; a terminal that has become narrower has broken those lines. */
  #back(): string {
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / this.#columns)), 0);
    return rows === 0 ? '' : `\x1b[${rows}A${codes.clearDown}`;
  }

  get #columns(): number {
    return this.#out.columns || this.#style.width;
  }

  #lines(): readonly string[] {
    const rows = [...this.#rows.values()];
    const room = (this.#out.rows || 24) - 1;
    return rows.length > room ? [this.#collapsed(rows)] : rows.map((row) => this.#row(row, rows));
  }

  #row(row: Row, rows: readonly Row[]): string {
    const symbols = symbolsOf(this.#style);
    // a line that fills the last column would wrap in some terminals
    const room = this.#columns - 1;
    const names = Math.max(...rows.map(({ name }) => displayWidth(name)));
    const name = pad(
      truncate(row.name, Math.min(names, room - 2), symbols.ellipsis),
      Math.min(names, Math.max(0, room - 2)),
    );
    const took = seconds((row.endedAt ?? performance.now() - (this.#lag ?? 0)) - row.beganAt);
    const mark = this.#mark(row);
    const left = room - 2 - displayWidth(name) - 1;
    if (left < took.length) return `${mark} ${name}`.trimEnd();
    const words = truncate(row.words, Math.max(0, left - took.length - 1), symbols.ellipsis);
    return `${mark} ${name} ${words === '' ? '' : `${words} `}${paint(this.#style, 'dim', took)}`;
  }

  #mark(row: Row): string {
    const symbols = symbolsOf(this.#style);
    if (row.state === 'done') return paint(this.#style, 'good', symbols.good);
    if (row.state === 'failed') return paint(this.#style, 'bad', symbols.bad);
    return paint(this.#style, 'accent', symbols.spinner[this.#frame % symbols.spinner.length] ?? '');
  }

  /** More rows than the terminal has: how many are done, and who is not. */
  #collapsed(rows: readonly Row[]): string {
    const open = rows.filter((row) => row.state !== 'done').map((row) => row.name);
    const symbols = symbolsOf(this.#style);
    const spinner = symbols.spinner[this.#frame % symbols.spinner.length] ?? '';
    const text = `${rows.length - open.length} of ${rows.length} done${open.length > 0 ? ` ${symbols.dot} ${open.join(', ')}` : ''}`;
    return `${paint(this.#style, 'accent', spinner)} ${truncate(text, Math.max(1, this.#columns - 3), symbols.ellipsis)}`;
  }
}

/** What an event has to say that stays: output of a service, a note, a warning. */
function linesAbove(event: Event, style: Style, logs: LogFormat): readonly string[] {
  if (event.type === 'output') return [logs.format(event)];
  if (event.type !== 'note' && event.type !== 'warning') return [];
  if (event.type === 'warning' && event.failure) return renderWarnings([event.failure], style).split('\n');
  const tone = event.type === 'warning' ? 'warn' : 'dim';
  const symbols = symbolsOf(style);
  const text = event.type === 'note' && event.subject ? `${nameOf(event.subject)}: ${event.message}` : event.message;
  const [first = '', ...rest] = wrap(text, style.width - 2);
  return [
    `${paint(style, tone, event.type === 'warning' ? symbols.warn : symbols.note)} ${first}`,
    ...rest.map((line) => `  ${line}`),
  ];
}
