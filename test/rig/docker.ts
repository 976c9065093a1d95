import { connectEngine } from '../../src/runtime/docker/engine/connect.ts';
import type { Engine } from '../../src/runtime/docker/engine/types.ts';

/**
 * The engine of this machine, for tests that need a real one. Without one they are skipped, which is printed, except
 * in CI: there it is a failure.
 */
export async function engineForTests(): Promise<Engine | undefined> {
  try {
    return await connectEngine(process.env, new AbortController().signal);
  } catch (error) {
    if (process.env['CI']) throw error;
    console.warn(`skipped: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
