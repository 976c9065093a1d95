import { join } from 'node:path';
import { readText } from '../kit/files.ts';
import { isGenerated, recordGenerated } from '../project/generated.ts';
import { type Journal, sha256 } from './journal.ts';

/**
 * Remembers what camp has written, so that it does not count as written by hand. A file that a person had
 * edited before stays theirs. `beforeOf` gives the text that the n-th entry replaced.
 */
export function recordWritten(dir: string, journal: Journal, beforeOf: (n: number) => string | undefined): void {
  const written: Record<string, string> = {};
  for (const [n, entry] of journal.entries.entries()) {
    const before = entry.kind === 'edit' ? beforeOf(n) : undefined;
    if (before !== undefined && !isGenerated(dir, entry.path, before)) continue;
    for (const file of entry.files) {
      const path = file.path === '' ? entry.path : `${entry.path}/${file.path}`;
      const text = readText(join(dir, path));
      if (text !== undefined && sha256(text) === file.after) written[path] = text;
    }
  }
  if (Object.keys(written).length > 0) recordGenerated(dir, written);
}
