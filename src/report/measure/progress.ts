import type { Style } from '../style.ts';
import { truncate } from '../width.ts';

export interface Progress {
  /** What is being done now: `run 2 of 5: reload of orders`. */
  readonly say: (words: string) => void;
  /** Takes the live line away. */
  readonly finish: () => void;
}

/** One live line on a terminal; elsewhere a line for each run, which is what stands before the colon. */
export function createProgress(out: { write(text: string): unknown }, style: Style): Progress {
  if (style.isLive)
    return {
      say: (words) => void out.write(`\r\u001b[K${truncate(words, style.width - 1)}`),
      finish: () => void out.write('\r\u001b[K'),
    };
  let last = '';
  return {
    say(words) {
      const [run = words] = words.split(': ');
      if (run !== last) out.write(`${run}\n`);
      last = run;
    },
    finish: () => undefined,
  };
}
