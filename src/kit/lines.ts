import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut: an endless line must not fill the memory. */
export const maxLineLength = 64 * 1024;

/** Cuts a stream of bytes into lines, whatever the chunks; survives invalid UTF-8 and endless lines. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #emit: (line: string) => void;
  readonly #longest: number;
  #rest = '';
  #isCut = false;

  constructor(emit: (line: string) => void, longest = maxLineLength) {
    this.#emit = emit;
    this.#longest = longest;
  }

  push(chunk: Uint8Array): void {
    this.#take(this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
  }

  /** The stream has ended: what is left is a line too. */
  end(): void {
    this.#take(this.#decoder.end());
    if (this.#rest !== '' && !this.#isCut) this.#emit(this.#rest);
    this.#rest = '';
    this.#isCut = false;
  }

  #take(text: string): void {
    let begin = 0;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', begin)) {
      this.#line(text.slice(begin, at));
      begin = at + 1;
    }
    this.#keep(text.slice(begin));
  }

  #line(piece: string): void {
    if (this.#isCut) this.#isCut = false;
    else {
      const line = this.#rest + piece;
      this.#emit(line.length > this.#longest ? cut(line) : line.endsWith('\r') ? line.slice(0, -1) : line);
    }
    this.#rest = '';
  }

  #keep(piece: string): void {
    if (this.#isCut) return;
    this.#rest += piece;
    if (this.#rest.length > this.#longest) {
      this.#emit(cut(this.#rest));
      this.#rest = '';
      this.#isCut = true;
    }
  }
}

function cut(line: string): string {
  return `${line.slice(0, maxLineLength)} […cut]`;
}
