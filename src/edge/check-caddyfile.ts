import { CampError, type Problem } from '../kit/failure.ts';
import { adapt } from './adapt.ts';
import { askingProgram, type ProgramSetup } from './adapt-program.ts';
import type { Wanted } from './types.ts';

export type CheckSetup = ProgramSetup;

/**
 * Every problem that Caddy finds in a Caddyfile, without an edge. A Caddy that cannot be executed finds none;
 * starting it says why.
 */
export async function checkCaddyfile(
  caddyfile: Wanted['caddyfile'],
  setup: CheckSetup,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  try {
    await adapt(askingProgram(setup, signal), caddyfile, setup.projectDir, setup.env);
    return [];
  } catch (error) {
    if (!(error instanceof CampError)) throw error;
    return error.failures.filter((failure): failure is Problem => failure.fault === 'project');
  }
}
