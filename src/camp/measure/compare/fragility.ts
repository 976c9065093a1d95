/** What came of a configuration with one statement less. */
export type Outcome = 'rejected' | 'does not start' | 'breaks' | 'same';

export interface Fragility {
  readonly statements: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
}

/**
 * The text once for each statement, without it: a line, or a block from its first line to its last. Those that say where
 * to listen stay: nginx would else open a port of its own choice to the whole network.
 */
export function withoutEach(text: string): readonly string[] {
  const lines = text.split('\n');
  const results: string[] = [];
  lines.forEach((line, i) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#') || /^(\}|<\/|listen )/i.test(trimmed)) return;
    const end = endOf(lines, i);
    results.push([...lines.slice(0, i), ...lines.slice(end + 1)].join('\n'));
  });
  return results;
}

/** The line that closes the block that begins in this one; the line itself where none does. */
function endOf(lines: readonly string[], from: number): number {
  let depth = 0;
  for (let i = from; i < lines.length; i++) {
    const line = (lines[i] ?? '').trim();
    if (/^(\}|<\/)/.test(line)) depth--;
    else if (/\{$|^<[^/]/.test(line)) depth++;
    if (depth <= 0) return i;
  }
  return from;
}

export async function fragilityOf(
  texts: readonly string[],
  tryOne: (text: string) => Promise<Outcome>,
): Promise<Fragility> {
  const outcomes: Record<Outcome, number> = { rejected: 0, 'does not start': 0, breaks: 0, same: 0 };
  for (const text of texts) outcomes[await tryOne(text)]++;
  return { statements: texts.length, outcomes };
}
