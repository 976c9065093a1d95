import { current } from './context.ts';

type More = Readonly<Record<string, unknown>>;

let service = process.env['SERVICE'] || 'service';
export const toStdout = (line: string): void => void process.stdout.write(`${line}\n`);
// `node --test` prints what its files print: there nobody reads a log unless KIT_LOG asks for it
let sink = process.env['NODE_TEST_CONTEXT'] && !process.env['KIT_LOG'] ? () => {} : toStdout;
process.stdout.on('error', () => {}); // whoever reads the log may end before this process does

/** One process is one service: its name is in every line. */
export function nameLog(name: string): void {
  service = name;
}

/** Lines go there from now on. */
export function writeLog(to: (line: string) => void): void {
  sink = to;
}

const writer = (level: 'info' | 'warn' | 'error') => (msg: string, more?: More) => {
  const { requestId, traceId } = current() ?? {};
  const line = { time: new Date().toISOString(), level, service, msg, requestId, traceId, ...more };
  sink(JSON.stringify(line, (_key, value) => (value instanceof Error ? describe(value) : value)));
};

/** One JSON object a line on stdout, with the ids of the request or event it belongs to. */
export const log = Object.assign(writer('info'), {
  info: writer('info'),
  warn: writer('warn'),
  error: writer('error'),
});

/** The milliseconds since, as lines say them. */
export const since = (begin: number): number => Math.round((performance.now() - begin) * 10) / 10;

/** One line on what went wrong; an AggregateError (nobody answers on any address) has no message of its own. */
export function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message || String((error as { code?: string }).code ?? error.name);
}

/** For what fails many times in a row: a warning a second at most. */
export function createPatientLog(): (msg: string, more?: More) => void {
  let last = 0;
  return (msg, more) => {
    if (Date.now() - last < 1_000) return;
    log.warn(msg, more);
    last = Date.now();
  };
}
