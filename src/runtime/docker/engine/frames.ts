/** Parts the one stream in which the engine sends stdout and stderr: frames of 4 bytes stream, 4 bytes length, content. */
export class FrameReader {
  readonly #emit: (stream: 'stdout' | 'stderr', content: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(emit: (stream: 'stdout' | 'stderr', content: Buffer) => void) {
    this.#emit = emit;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + 8 <= all.length) {
      const end = at + 8 + all.readUInt32BE(at + 4);
      if (end > all.length) break;
      this.#emit(all[at] === 2 ? 'stderr' : 'stdout', all.subarray(at + 8, end));
      at = end;
    }
    this.#rest = all.subarray(at);
  }
}
