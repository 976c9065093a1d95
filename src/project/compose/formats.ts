import { commandWords } from './command-words.ts';
import { parseMount } from './mount.ts';
import type { Format } from './shape.ts';
import { byteSize, durationMs } from './units.ts';

export interface Wrong {
  readonly code: string;
  /** What stands behind the name of the key and the text in a sentence: `is not a duration`. */
  readonly why: string;
  readonly hint: string;
}

/** Formats whose texts are numbers and flags in quotes: what does not fit is of the wrong type. */
const typed: ReadonlyMap<Format, RegExp> = new Map([
  ['flag', /^(?:true|false|y|yes|on|n|no|off)$/i],
  ['integer', /^[-+]?\d+$/],
  ['number', /^[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i],
]);

/** Undefined for formats that are no types. */
export function isTyped(text: string, format: Format): boolean | undefined {
  return typed.get(format)?.test(text);
}

/** What is wrong with a text of a format; undefined where nothing is. */
export function badlyWritten(text: string, format: Format): Wrong | undefined {
  switch (format) {
    case 'duration':
      if (durationMs(text) !== undefined) return undefined;
      return {
        code: 'INVALID_DURATION',
        why: 'is not a duration',
        hint: 'write a number with a unit: 500ms, 10s, 1m30s, 2h',
      };
    case 'bytes':
      if (byteSize(text) !== undefined) return undefined;
      return { code: 'INVALID_SIZE', why: 'is not a size', hint: 'write a number with a unit: 64k, 512m, 1.5g' };
    case 'command':
      if (commandWords(text)) return undefined;
      return {
        code: 'INVALID_COMMAND',
        why: 'has a quote or a parenthesis that is not closed',
        hint: 'close it, or write the command as a list',
      };
    case 'flag':
    case 'integer':
    case 'number':
      return undefined;
    default:
      return misshapen(text, format);
  }
}

type Plain = Exclude<Format, 'duration' | 'bytes' | 'command' | 'flag' | 'integer' | 'number'>;

function misshapen(text: string, format: Plain): Wrong | undefined {
  const wrong = (why: string, hint: string): Wrong => ({ code: 'INVALID_VALUE', why, hint });
  switch (format) {
    case 'octal':
      return /^[-+]?[0-7]+$/.test(text) ? undefined : wrong('is not an octal mode', 'write 0440');
    case 'mount': {
      const mount = parseMount(text);
      return 'why' in mount
        ? wrong(`cannot be read: ${mount.why}`, 'write source:target or source:target:ro')
        : undefined;
    }
    case 'device':
      return text.split(':').length <= 3
        ? undefined
        : wrong('has too many colons', 'write source: and target: in a map');
    case 'host':
      return isHost(text) ? undefined : wrong('is not a host with its address', 'write name=address');
    case 'pair':
      return text.includes('=') ? undefined : wrong('has no value', 'write name=value');
    case 'variable':
      return /^[^=]*\s(?:=|$)/.test(text) ? wrong('has a blank behind the name', 'write NAME=value') : undefined;
    case 'ssh-key':
      return text === 'default' || text.includes('=') ? undefined : wrong('has no path', 'write id=path, or default');
    case 'count':
      return /^(?:all|[-+]?\d+)$/i.test(text) ? undefined : wrong('is not a number', 'write a number, or all');
  }
}

function isHost(text: string): boolean {
  const cut = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
  return cut > 0 && !text.slice(0, cut).includes(':');
}
