import type { Entrant, Field } from './entrant.ts';

/**
 * Interleaved: each run starts every server once, and each run begins with another one, so that what the machine does
 * meanwhile falls to all of them alike. One run before is not counted: authorities are made in it, programs read.
 */
export async function timeAll(
  entrants: readonly Entrant[],
  runs: number,
  field: Field,
  onProgress: (words: string) => void,
): Promise<void> {
  const racing = entrants.filter((entrant) => entrant.canRace());
  for (let run = 0; run < (runs > 0 ? runs + 1 : 0); run++) {
    if (run > 0) onProgress(`comparing: run ${run} of ${runs}`);
    for (let i = 0; i < racing.length; i++) {
      field.signal.throwIfAborted();
      const entrant = racing[(i + run) % racing.length];
      if (entrant?.canRace()) await entrant.race(run > 0);
    }
  }
}
