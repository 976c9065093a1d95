import type { Problem } from '../../kit/failure.ts';
import { problemAt, type TextFile } from '../text-file.ts';
import { interpolate, type Lookup } from './interpolate.ts';

export interface DotEnv {
  readonly values: ReadonlyMap<string, string>;
  /** Offset of each name, for problems about a value. */
  readonly places: ReadonlyMap<string, number>;
  readonly problems: readonly Problem[];
}

/**
 * Reads an env file as Compose does (compose-spec, env_file format): `NAME=value`, `NAME: value`, `export`,
 * comments, 'literal', "escapes and $VARIABLES", quotes over several lines. A name alone takes its value
 * from `lookup`, which also wins over earlier lines in variables; after those come `earlier` files.
 * Problem: INVALID_ENV_FILE.
 */
export function readDotEnv(file: TextFile, lookup: Lookup, earlier: Lookup = () => undefined): DotEnv {
  const reader = new DotEnvReader(file, lookup, earlier);
  reader.read();
  return reader;
}

/** One `NAME=value` a line, everything literal: `format: raw`. Problem: INVALID_ENV_FILE. */
export function readRawEnv(file: TextFile, lookup: Lookup): DotEnv {
  const values = new Map<string, string>();
  const problems: Problem[] = [];
  let end = 0;
  for (const whole of file.text.split('\n')) {
    // the mark of a byte order is a blank too
    const line = whole.replace(/\r$/, '').trimStart();
    end += whole.length + 1;
    if (line === '' || line.startsWith('#')) continue;
    const [name = ''] = line.split('=');
    if (name === '' || /[ \t]/.test(name)) problems.push(unnamed(file, end - whole.trimStart().length - 1, name));
    const value = name === line ? lookup(name) : line.slice(name.length + 1);
    if (value !== undefined) values.set(name, value);
  }
  return { values, places: new Map(), problems };
}

function unnamed(file: TextFile, begin: number, name: string): Problem {
  const message = `${JSON.stringify(name.slice(0, 40))} cannot be the name of a variable`;
  const end = begin + Math.max(1, name.length);
  return problemAt({ file, begin, end }, 'INVALID_ENV_FILE', message, 'write NAME=value');
}

class DotEnvReader {
  readonly values = new Map<string, string>();
  readonly places = new Map<string, number>();
  readonly problems: Problem[] = [];
  readonly #file: TextFile;
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #earlier: Lookup;
  #at = 0;

  constructor(file: TextFile, lookup: Lookup, earlier: Lookup) {
    this.#file = file;
    this.#text = file.text;
    this.#lookup = lookup;
    this.#earlier = earlier;
    if (this.#text.startsWith('\uFEFF')) this.#at = 1;
  }

  read(): void {
    while (this.#skipToStatement()) this.#statement();
  }

  /** Skips blank lines and comments; false at the end. */
  #skipToStatement(): boolean {
    for (;;) {
      while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
      if (this.#text[this.#at] !== '#') return this.#at < this.#text.length;
      this.#at = this.#lineEnd();
    }
  }

  #statement(): void {
    const begin = this.#at;
    const shape = /(export[ \t]+)?([^\n=:]*)([=:\n]|$)/y;
    shape.lastIndex = begin;
    const [whole = '', exported = '', rawName = '', separator = ''] = shape.exec(this.#text) ?? [];
    const found = rawName.trim();
    const nameAt = begin + exported.length;
    if (!/^[\p{L}\p{N}_.\-[\]]*$/u.test(found) || (found === '' && separator !== '=')) {
      this.problems.push(unnamed(this.#file, nameAt, found));
      this.#at = this.#lineEnd();
      return;
    }
    this.#at = begin + whole.length;
    if (separator === '=' || separator === ':') this.#set(found, nameAt, this.#value());
    else {
      const inherited = this.#lookup(found);
      if (inherited !== undefined) this.#set(found, nameAt, inherited);
    }
  }

  #set(name: string, at: number, value: string | undefined): void {
    if (value === undefined) return;
    this.values.set(name, value);
    this.places.set(name, at);
  }

  #value(): string | undefined {
    while (/[ \t\r]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") return this.#quoted(quote);
    const end = this.#lineEnd();
    const [value = ''] = this.#text.slice(this.#at, end).split(' #');
    const begin = this.#at;
    this.#at = end;
    return this.#expand(value.trimEnd(), begin);
  }

  #quoted(quote: string): string | undefined {
    const begin = this.#at;
    let end = begin + 1;
    while (end < this.#text.length && this.#text[end] !== quote) end += this.#text[end] === '\\' ? 2 : 1;
    if (end >= this.#text.length) {
      this.#complain(
        begin,
        this.#text.slice(begin, this.#lineEnd()),
        `the closing ${quote} is missing`,
        `close the value with ${quote}`,
      );
      this.#at = this.#text.length;
      return undefined;
    }
    this.#at = end + 1;
    const inside = this.#text.slice(begin + 1, end).replaceAll(`\\${quote}`, quote);
    return quote === "'" ? inside : this.#expand(withEscapes(inside), begin);
  }

  #expand(value: string, begin: number): string | undefined {
    let isUsable = true;
    const lookup = (name: string) => this.#lookup(name) ?? this.values.get(name) ?? this.#earlier(name);
    const expanded = interpolate(value, lookup, ({ kind, reference, name, message }) => {
      if (kind === 'unset') return;
      isUsable = false;
      if (kind === 'required')
        this.#complain(
          begin,
          reference,
          `variable ${name} must be set${message ? `: ${message}` : ''}`,
          `${name}=... camp up`,
        );
      else
        this.#complain(
          begin,
          reference,
          `${reference} is not a variable`,
          "put the value in '...', where nothing is replaced, or write $$ for a dollar",
        );
    });
    return isUsable ? expanded : undefined;
  }

  #complain(begin: number, shown: string, message: string, hint: string): void {
    this.problems.push(
      problemAt({ file: this.#file, begin, end: begin + Math.max(1, shown.length) }, 'INVALID_ENV_FILE', message, hint),
    );
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return end === -1 ? this.#text.length : end;
  }
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  c: '',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  $: '$$',
};

function withEscapes(text: string): string {
  return text.replace(
    /\\(?:([abcfnrtv$"\\])|0(\d{0,3}))/g,
    (all, letter: string | undefined, octal: string | undefined) => {
      if (letter !== undefined) return escapes[letter] ?? all;
      return octal && /^[0-7]+$/.test(octal) ? String.fromCharCode(Number.parseInt(octal, 8)) : all;
    },
  );
}
