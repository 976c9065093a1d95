import { type Misread, type Token, tokenize } from './caddy-tokens.ts';

/** One line of a block: a directive with its words and, where it opens one, its block. */
export interface Directive {
  readonly name: Token;
  readonly args: readonly Token[];
  readonly block?: readonly Directive[];
  /** Offset behind its last word, or behind the brace that closes its block. */
  readonly end: number;
}

/** A site block. A file may hold one site without braces: then `open` and `close` are absent. */
export interface Site {
  readonly addresses: readonly Token[];
  readonly body: readonly Directive[];
  readonly open?: Token;
  readonly close?: Token;
}

export type Sites = { readonly sites: readonly Site[] } | { readonly misread: Misread };

/** The sites of a Caddyfile, without global options, snippets, named routes and imports. */
export function sitesOf(text: string): Sites {
  const read = tokenize(text);
  if ('misread' in read) return read;
  try {
    return { sites: new Reader(read.tokens).sites() };
  } catch (error) {
    if (error instanceof Unreadable) return { misread: { offset: error.offset, message: error.message } };
    throw error;
  }
}

class Unreadable extends Error {
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** A class for its one cursor over the words. */
class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  sites(): readonly Site[] {
    const sites: Site[] = [];
    for (let first = this.#peek(); first; first = this.#peek()) {
      if (is(first, '}')) throw new Unreadable(first.start, 'this brace closes nothing');
      if (is(first, '{')) {
        if (this.#at > 0)
          throw new Unreadable(first.start, 'a block without an address; global options come first in the file');
        this.#block();
      } else if (is(first, 'import')) {
        this.#directive();
      } else {
        const site = this.#site(sites.length === 0);
        if (!/^&?\(.*\)$/.test(site.addresses[0]?.text ?? '')) sites.push(site);
      }
    }
    return sites;
  }

  #site(mayLackBraces: boolean): Site {
    const addresses: Token[] = [];
    for (let token = this.#peek(); token; token = this.#peek()) {
      if (is(token, '{')) {
        const block = this.#block();
        return { addresses, ...block };
      }
      const previous = addresses.at(-1);
      if (previous && token.row !== previous.row && !previous.text.endsWith(',')) break;
      addresses.push(token);
      this.#at++;
    }
    const first = addresses[0] as Token;
    if (!mayLackBraces)
      throw new Unreadable(
        first.start,
        `the site ${first.text} has no block: with more than one site each needs braces`,
      );
    const body: Directive[] = [];
    for (let token = this.#peek(); token; token = this.#peek()) {
      if (is(token, '}')) throw new Unreadable(token.start, 'this brace closes nothing');
      body.push(this.#directive());
    }
    return { addresses, body };
  }

  #block(): { open: Token; close: Token; body: readonly Directive[] } {
    const open = this.#tokens[this.#at++] as Token;
    const body: Directive[] = [];
    for (let token = this.#peek(); token; token = this.#peek()) {
      if (is(token, '}')) {
        this.#at++;
        return { open, close: token, body };
      }
      body.push(this.#directive());
    }
    throw new Unreadable(open.start, 'this brace is never closed');
  }

  #directive(): Directive {
    const name = this.#tokens[this.#at++] as Token;
    if (is(name, '{')) throw new Unreadable(name.start, 'a block without a directive');
    const args: Token[] = [];
    let end = name.end;
    for (let token = this.#peek(); token && token.row === name.row && !is(token, '}'); token = this.#peek()) {
      if (is(token, '{')) {
        const block = this.#block();
        return { name, args, block: block.body, end: block.close.end };
      }
      args.push(token);
      end = token.end;
      this.#at++;
    }
    return { name, args, end };
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }
}

function is(token: Token, text: string): boolean {
  return !token.isQuoted && token.text === text;
}
