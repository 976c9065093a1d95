import type { DownReport, VolumeStatus } from './types.ts';

/** What `camp down` has done, in a few words. */
export function renderDown({ stopped, leftovers, containers, volumes, kept }: DownReport, isWithData: boolean): string {
  const left = [counted(leftovers, 'process', 'processes'), counted(containers, 'container', 'containers')].filter(
    (words) => words !== undefined,
  );
  const stop = stopped
    ? `stopped${left.length > 0 ? `, with ${left.join(' and ')} that an earlier camp had left behind` : ''}`
    : 'nothing was running';
  if (!isWithData) return stop;
  const deleted = volumes.filter((volume) => volume.deleted);
  const data = deleted.length > 0 ? `deleted ${deleted.map(({ name }) => name).join(', ')}` : 'no data was deleted';
  return [stop, data, ...kept.map((name) => `${name} stays: camp has not made it`)].join('\n');
}

/** One line a volume: its name and its size. */
export function renderVolumes(volumes: readonly VolumeStatus[]): string {
  const width = Math.max(0, ...volumes.map(({ name }) => name.length));
  return volumes
    .map(({ name, bytes }) => `  ${name.padEnd(width)}  ${bytes === null ? '?' : sizeOf(bytes)}`)
    .join('\n');
}

function counted(count: number, one: string, many: string): string | undefined {
  return count > 0 ? `${count} ${count === 1 ? one : many}` : undefined;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `41 MB`; decimal units, as the engine shows them. */
export function sizeOf(bytes: number): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** step;
  return `${value >= 10 || step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}
