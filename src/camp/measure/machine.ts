import { loadavg, totalmem } from 'node:os';
import type { Machine } from '../../stopwatch/types.ts';
import { machineFacts } from '../metrics.ts';

/** Asked twice: the load when measuring begins says whether others were working, that at the end says what it was itself. */
export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

export function machineOf(loadBefore: number): Machine {
  return {
    ...machineFacts(),
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
