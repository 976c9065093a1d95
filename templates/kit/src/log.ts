import { current } from './context.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
type More = Readonly<Record<string, unknown>>;

const identity = { service: process.env['SERVICE'] || 'service' };

/** One process is one service: its name is in every line. */
export function nameLog(service: string): void {
  identity.service = service;
}

// whoever reads the log may end before this process does
process.stdout.on('error', () => {});

const toStdout = (line: string): void => void process.stdout.write(`${line}\n`);
const isAsked = Boolean(process.env['KIT_LOG']);
let sink = toStdout;

/** For tests: lines go there instead; with KIT_LOG set they are printed all the same. */
export function captureLog(to: (line: string) => void): void {
  sink = isAsked ? (line) => (to(line), toStdout(line)) : to;
}

// `node --test` prints what its files print: there nobody reads a log unless it is asked for, and a service that starts is no test
if (process.env['NODE_TEST_CONTEXT']) captureLog(() => {});

/** A service says what it does, whoever started it. */
export function printLog(): void {
  sink = toStdout;
}

function write(level: Level, msg: string, more: More = {}): void {
  if (level === 'debug' && !process.env['DEBUG']) return;
  const context = current();
  const ids = context ? { requestId: context.requestId, traceId: context.traceId } : {};
  sink(JSON.stringify({ time: new Date().toISOString(), level, service: identity.service, msg, ...ids, ...more }, asText));
}

function asText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? describe(value) : value;
}

/** One line on what went wrong; an AggregateError (nobody answers on any address) has no message of its own. */
export function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return error.message || (typeof code === 'string' ? code : error.name);
}

/** One JSON object a line on stdout, with the ids of the request or event it belongs to. */
export const log = Object.assign((msg: string, more?: More) => write('info', msg, more), {
  debug: (msg: string, more?: More) => write('debug', msg, more),
  info: (msg: string, more?: More) => write('info', msg, more),
  warn: (msg: string, more?: More) => write('warn', msg, more),
  error: (msg: string, more?: More) => write('error', msg, more),
});

/** For what fails many times in a row: one line a second at most, with the number of times in between. */
export function createPatientLog(level: Level = 'warn'): (msg: string, more?: More) => void {
  let last = 0;
  let silent = 0;
  return (msg, more) => {
    if (Date.now() - last < 1_000) {
      silent += 1;
      return;
    }
    write(level, msg, silent > 0 ? { ...more, times: silent + 1 } : more);
    last = Date.now();
    silent = 0;
  };
}
