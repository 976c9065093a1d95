/**
 * Which replica each container of one service is. Compose numbers containers upwards and never closes a gap, so
 * numbers alone will not do: who has an index keeps it, who has a number within the count gets that, the others
 * fill what is free.
 */
export function indicesOf(
  containers: readonly { readonly id: string; readonly number: number }[],
  known: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const taken = new Set<number>();
  const give = (id: string, index: number): void => {
    found.set(id, index);
    taken.add(index);
  };
  const sorted = [...containers].sort((a, b) => a.number - b.number);
  for (const { id } of sorted) {
    const index = known.get(id);
    if (index !== undefined && !taken.has(index)) give(id, index);
  }
  for (const { id, number } of sorted)
    if (!found.has(id) && number >= 1 && number <= containers.length && !taken.has(number)) give(id, number);
  for (const { id } of sorted) {
    if (found.has(id)) continue;
    let index = 1;
    while (taken.has(index)) index++;
    give(id, index);
  }
  return found;
}
