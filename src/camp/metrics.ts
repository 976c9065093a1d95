import { appendFileSync } from 'node:fs';
import { arch, cpus, platform, release } from 'node:os';
import type { UpReport } from '../report/types.ts';
import type { Machine } from '../stopwatch/types.ts';
import { version } from './version.ts';

/** Appends what an `up` measured to the project's metrics.jsonl. */
export function recordUp(
  file: string,
  report: UpReport,
  isFresh: boolean,
  caddyVersion: string | undefined,
  onTrouble: (message: string) => void,
): void {
  const record = {
    schema: 1 as const,
    kind: isFresh ? 'up' : 'converge',
    time: new Date().toISOString(),
    timeToFirstRequestMs: report.timeToFirstRequestMs,
    phases: report.phases,
    criticalChain: report.criticalChain,
    services: report.services.map(({ name, placement, replicas, readyMs }) => ({ name, placement, replicas, readyMs })),
    config: report.config,
    machine: machineFacts(),
    versions: { camp: version, node: process.version, caddy: caddyVersion ?? null },
  };
  appendRecord(file, record, onTrouble);
}

/** What of this machine decides how fast it is. */
export function machineFacts(): Omit<Machine, 'memoryBytes' | 'loadAverage'> {
  const [first] = cpus();
  return {
    platform: platform(),
    release: release(),
    arch: arch(),
    cpus: cpus().length,
    cpu: first?.model ?? '',
  };
}

/** Appends one line to a project's metrics.jsonl; a disk that refuses costs the record, not the run. */
export function appendRecord(
  file: string,
  record: { readonly schema: 1; readonly kind: string },
  onTrouble: (message: string) => void,
): void {
  try {
    appendFileSync(file, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  } catch (error) {
    onTrouble(`the figures could not be recorded in ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
}
