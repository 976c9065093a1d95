/** The oldest Caddy whose configuration and admin API camp knows; also the release that it fetches. */
export const minimumVersion = '2.11.4';

/** Whether `version` is `minimum` or newer, by number. A Debian revision or a suffix does not count. */
export function isAtLeast(version: string, minimum: string = minimumVersion): boolean {
  const [a, b] = [numbers(version), numbers(minimum)];
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** `17` of `17.10`. */
export function majorOf(version: string): number {
  return numbers(version)[0] ?? 0;
}

function numbers(version: string): number[] {
  return version
    .split(/[^0-9]+/)
    .slice(0, 3)
    .map(Number);
}
