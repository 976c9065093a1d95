/** The oldest Caddy whose configuration and admin API camp knows; also the release that it fetches. */
export const minimumVersion = '2.11.4';

/** `2.11.4` of what `caddy version` prints: `v2.11.4 h1:...` or `2.11.4`. */
export function parseVersion(output: string): string | undefined {
  return /^v?(\d+\.\d+\.\d+)/.exec(output.trim())?.[1];
}

/** Whether `version` is `minimum` or newer, by number. A Debian revision or a suffix does not count. */
export function isAtLeast(version: string, minimum: string = minimumVersion): boolean {
  const [a, b] = [numbers(version), numbers(minimum)];
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbers(version: string): number[] {
  return version
    .split(/[^0-9]+/)
    .slice(0, 3)
    .map(Number);
}
