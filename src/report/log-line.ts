import { styleText } from 'node:util';
import { sanitise } from './sanitise.ts';
import { paint, type Style, symbolsOf, type Tone } from './style.ts';
import { pad } from './width.ts';

/** One line of output as events and log files carry it. */
export interface LogLine {
  readonly service: string;
  /** `api:1` */
  readonly replica: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
  /** RFC 3339 */
  readonly time?: string;
  /** On the way of one request: the how many-th service this is. */
  readonly hop?: number;
}

const prefixColours = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'cyanBright',
  'yellowBright',
  'greenBright',
  'magentaBright',
] as const;
const widestPrefix = 20;

/** `api │ …`, `api.2 │ …` for further replicas; the prefixes grow to the widest one seen. */
export class LogFormat {
  readonly #style: Style;
  #width = 0;

  constructor(style: Style) {
    this.#style = style;
  }

  format(record: LogLine): string {
    const label = labelOf(record);
    this.#width = Math.min(widestPrefix, Math.max(this.#width, label.length));
    const prefix = `${pad(label, this.#width)} ${symbolsOf(this.#style).bar}`;
    const coloured = this.#style.hasColour
      ? styleText(colourOf(record.service), prefix, { validateStream: false })
      : prefix;
    return `${coloured} ${'  '.repeat(Math.max(0, (record.hop ?? 1) - 1))}${this.#text(record)}`;
  }

  #text({ line, service, hop, time }: LogLine): string {
    const isReadable = this.#style.isTty || hop !== undefined;
    // what was served says when it ended; on its way it stands where it began
    const at = hop === undefined ? undefined : time;
    const readable = isReadable ? readableJson(line, service, this.#style, at) : undefined;
    return readable ?? sanitise(line, this.#style.isTty && this.#style.hasColour);
  }
}

function labelOf({ service, replica }: LogLine): string {
  const index = replica.slice(service.length + 1);
  return index === '' || index === '1' ? service : `${service}.${index}`;
}

/** The same service has the same colour in every run. */
function colourOf(service: string): (typeof prefixColours)[number] {
  let hash = 0;
  for (const letter of service) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return prefixColours[hash % prefixColours.length] ?? 'cyan';
}

const levelTones: Readonly<Record<string, Tone>> = {
  trace: 'dim',
  debug: 'dim',
  info: 'good',
  warn: 'warn',
  warning: 'warn',
  error: 'bad',
  fatal: 'bad',
};
/** pino's numbers */
const levelNumbers: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** A structured log line as words: time, level, message, then `key=value`; undefined for anything else. */
function readableJson(line: string, service: string, style: Style, at?: string): string | undefined {
  const entry = parseObject(line);
  if (!entry) return undefined;
  const { time, ts, timestamp, level, severity, msg, message, requestId, ...others } = entry;
  const { access, rest } = accessOf(others, requestId);
  const words = [
    paint(style, 'dim', clockOf(at ?? time ?? ts ?? timestamp)),
    levelOf(level ?? severity, style),
    access ?? valueText(msg ?? message, false),
    ...Object.entries(rest)
      .filter(([key, value]) => !(key === 'service' && value === service))
      .map(([key, value]) => `${paint(style, 'dim', `${sanitise(key, false)}=`)}${valueText(value, true)}`),
    requestId === undefined ? '' : paint(style, 'dim', `requestId=${valueText(requestId, true)}`),
  ];
  return words.filter((word) => word !== '').join(' ');
}

/** A served request reads as one phrase, and its trace is not named twice. */
function accessOf(
  entry: Readonly<Record<string, unknown>>,
  requestId: unknown,
): { readonly access?: string; readonly rest: Readonly<Record<string, unknown>> } {
  const { traceId, ...others } = entry;
  const named = traceId === undefined || traceId === requestId ? others : entry;
  const { method, path, status, ms, ...rest } = named;
  if (typeof method !== 'string' || typeof path !== 'string' || typeof status !== 'number') return { rest: named };
  return { access: sanitise(`${method} ${path} ${status}${typeof ms === 'number' ? ` ${ms} ms` : ''}`, false), rest };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{') || !line.endsWith('}')) return undefined;
  try {
    // a text between braces is an object or no JSON at all
    const entry = JSON.parse(line) as Record<string, unknown>;
    return (entry['msg'] ?? entry['message'] ?? null) === null ? undefined : entry;
  } catch {
    return undefined;
  }
}

/** Local time of day; what is not a time is left out. */
function clockOf(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') return '';
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return '';
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function levelOf(value: unknown, style: Style): string {
  const name =
    typeof value === 'number'
      ? (levelNumbers[value] ?? String(value))
      : typeof value === 'string'
        ? value.toLowerCase()
        : '';
  return paint(style, levelTones[name] ?? 'dim', sanitise(name, false));
}

function valueText(value: unknown, isQuoted: boolean): string {
  if (value === undefined) return '';
  const text = typeof value === 'string' && !(isQuoted && /[\s"=]/.test(value)) ? value : JSON.stringify(value);
  return sanitise(text.replaceAll('\n', '⏎'), false);
}
