import { writeSync } from 'node:fs';
import { openUrl, type UpOutcome, up } from '../camp.ts';
import { CampError } from '../kit/failure.ts';
import { attachTo, Foreground } from './foreground.ts';
import { modeOf, projectFlags, type SharedFlags } from './shared-flags.ts';

/** The flags of `camp up`, parsed. */
export interface UpFlags {
  readonly detach: boolean;
  readonly docker: boolean;
  readonly native: boolean;
  readonly port?: number | undefined;
  readonly watch: boolean;
  /** Seconds. */
  readonly timeout: number;
  readonly open: boolean;
}

/** `camp up` from its flags to its exit code; free of oclif, so that the way to the first process is short. */
export async function runUp(shared: SharedFlags, flags: UpFlags, services: readonly string[]): Promise<number> {
  const foreground = new Foreground({
    flags: shared,
    isDetached: process.env['CAMP_SUPERVISOR'] === '1' || flags.detach,
  });
  const mode = modeOf(flags);
  let outcome: UpOutcome;
  try {
    outcome = await up({
      ...projectFlags(shared),
      ...(mode ? { mode } : {}),
      env: process.env,
      timeoutMs: flags.timeout * 1000,
      isWatching: flags.watch,
      onEvent: foreground.onEvent,
      signal: foreground.signal,
      ...(services.length > 0 ? { only: services } : {}),
      ...(flags.port === undefined ? {} : { port: flags.port }),
      ...(process.env['CAMP_ORIGIN_NS'] ? { originNs: BigInt(process.env['CAMP_ORIGIN_NS']) } : {}),
    });
  } catch (error) {
    foreground.finish();
    if (foreground.interruption !== undefined && !(error instanceof CampError)) return foreground.interruption;
    throw error;
  }
  if (outcome.kind === 'attached') foreground.attach();
  foreground.showReport(outcome.report);
  if (flags.open && outcome.report.urls[0]) await openUrl(outcome.report.urls[0], process.env);
  if (outcome.kind === 'attached') {
    if (!flags.detach) await attachTo(outcome, foreground);
    return foreground.interruption ?? 0;
  }
  if (flags.detach) reportExitCode(0);
  await foreground.stayWith(outcome.session);
  return foreground.interruption ?? 0;
}

/** Tells the command that started this supervisor that it is done (src/detach.ts). */
function reportExitCode(code: number): void {
  try {
    writeSync(3, `${code}\n`);
  } catch {
    // that command was ended meanwhile
  }
}
