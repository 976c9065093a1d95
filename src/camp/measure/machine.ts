import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import type { Machine } from '../../stopwatch/types.ts';

/** Asked twice: the load when measuring begins says whether others were working, that at the end says what it was itself. */
export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

export function machineOf(loadBefore: number): Machine {
  return {
    platform: platform(),
    release: release(),
    arch: arch(),
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    loadAverage: [loadBefore, loadNow()],
  };
}

/** What makes figures less than they seem. */
export function notesOnMachine({ loadAverage: [before], cpus: count }: Machine): readonly string[] {
  // above the load that PATTERNS 3.1 calls void for two processors
  return before > count
    ? [`the machine was busy when measuring began (load ${before} on ${count} processors): the figures are too large`]
    : [];
}
