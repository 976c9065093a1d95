import { styleText } from 'node:util';

/** What is known of the place that text is written to; every renderer gets it and asks nobody else. */
export interface Style {
  readonly hasColour: boolean;
  /** Symbols beyond ASCII may be used. */
  readonly hasUnicode: boolean;
  /** Columns; 80 where there is no terminal. */
  readonly width: number;
  readonly isTty: boolean;
  /** Lines may be redrawn: a terminal, no CI, not dumb. */
  readonly isLive: boolean;
}

/** The part of a stream that matters here. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface StyleFlags {
  /** false for `--no-color`, true for `--color`, absent when nothing was said. */
  readonly color?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Judges one stream; stdout and stderr may differ. */
export function detectStyle(stream: OutputStream, env: Environment, flags: StyleFlags = {}): Style {
  const isTty = stream.isTTY === true;
  return {
    hasColour: colourOf(isTty, env, flags),
    hasUnicode: unicodeOf(env),
    width: columnsOf(stream, env),
    isTty,
    isLive: isTty && env['TERM'] !== 'dumb' && !isCi(env),
  };
}

/** Whether nobody looks on: no prompts, no animation. */
export function isCi(env: Environment): boolean {
  return isOn(env['CI']);
}

/** The order is that of the conventions: the flag, FORCE_COLOR and CLICOLOR_FORCE, NO_COLOR, TERM, the terminal. */
function colourOf(isTty: boolean, env: Environment, flags: StyleFlags): boolean {
  if (flags.color !== undefined) return flags.color;
  if (env['FORCE_COLOR'] !== undefined) return isOn(env['FORCE_COLOR']) || env['FORCE_COLOR'] === '';
  if (isOn(env['CLICOLOR_FORCE'])) return true;
  if (env['NO_COLOR']) return false;
  return isTty && env['TERM'] !== 'dumb';
}

/** POSIX: LC_ALL before LC_CTYPE before LANG; macOS terminals are UTF-8 without saying so. */
function unicodeOf(env: Environment): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'];
  if (!locale) return process.platform === 'darwin';
  return /utf-?8/i.test(locale) && env['TERM'] !== 'dumb';
}

function columnsOf(stream: OutputStream, env: Environment): number {
  const told = stream.isTTY ? stream.columns : Number(env['COLUMNS']);
  return told !== undefined && Number.isInteger(told) && told > 0 ? told : 80;
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}

export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'bold' | 'accent';

const formats = { good: 'green', bad: 'red', warn: 'yellow', dim: 'dim', bold: 'bold', accent: 'cyan' } as const;

/** Colours a text, or leaves it alone: colour never carries a meaning that the words do not. */
export function paint(style: Style, tone: Tone, text: string): string {
  return style.hasColour && text !== '' ? styleText(formats[tone], text, { validateStream: false }) : text;
}

const unicode = {
  good: '✔',
  bad: '✖',
  warn: '▲',
  note: '•',
  bar: '│',
  arrow: '→',
  dot: '·',
  ellipsis: '…',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
} as const;

const ascii = {
  good: '+',
  bad: 'x',
  warn: '!',
  note: '*',
  bar: '|',
  arrow: '->',
  dot: '-',
  ellipsis: '...',
  spinner: ['|', '/', '-', '\\'],
} as const;

export type Symbols = { readonly [name in keyof typeof unicode]: name extends 'spinner' ? readonly string[] : string };

export function symbolsOf(style: Style): Symbols {
  return style.hasUnicode ? unicode : ascii;
}
