/**
 * The first of these variables that has a value: its own, or what stands in the file that `<name>_FILE` names, as images
 * take their secrets. `read` gives undefined for what cannot be read here.
 */
export function toldBy(
  env: Readonly<Record<string, string>>,
  names: readonly string[],
  read: (path: string) => string | undefined,
): string | undefined {
  for (const name of names) {
    const value = env[name];
    if (value) return value;
    const path = env[`${name}_FILE`];
    const text = path ? read(path)?.replace(/\r?\n$/, '') : undefined;
    if (text) return text;
  }
  return undefined;
}
