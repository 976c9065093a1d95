import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { settlesWithin, startChild } from '../kit/child.ts';
import { fail } from '../kit/failure.ts';
import type { JsonObject } from './json.ts';
import type { EdgeSetup } from './types.ts';

export interface BriefSetup {
  /** The Caddy program. */
  readonly caddy: string;
  /** Caddy's storage of this user; it exists. */
  readonly storage: string;
  readonly env: Readonly<Record<string, string>>;
  readonly guard?: EdgeSetup['guard'];
}

const deadlineMs = 15_000;

/**
 * Runs a Caddy that listens nowhere on the user's storage, for what it writes there, and ends it when `isDone`.
 * Throws EDGE_UNREACHABLE (edge), with `what` it did not do, when it ends or takes too long.
 */
export async function runBriefly(
  setup: BriefSetup,
  apps: JsonObject,
  what: string,
  isDone: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const folder = mkdtempSync(join(setup.storage, '.making-'));
  const config = { admin: { disabled: true }, storage: { module: 'file_system', root: setup.storage }, apps };
  writeFileSync(join(folder, 'caddy.json'), JSON.stringify(config), { mode: 0o600 });
  const lines: string[] = [];
  const caddy = await startChild({
    argv: [setup.caddy, 'run', '--config', 'caddy.json'],
    cwd: folder,
    env: setup.env,
    onLine: (_, line) => void lines.push(line),
  });
  setup.guard?.add(caddy.pid, caddy.startTime);
  try {
    const deadline = performance.now() + deadlineMs;
    while (!isDone()) {
      const isOver = (await settlesWithin(caddy.exited, 0)) || performance.now() > deadline;
      if (isOver)
        fail('edge', 'EDGE_UNREACHABLE', `caddy did not ${what}`, {
          hints: ['camp doctor'],
          evidence: lines.slice(-5),
        });
      await delay(5, undefined, { signal });
    }
  } finally {
    caddy.signal('SIGTERM');
    if (!(await settlesWithin(caddy.exited, 2000))) caddy.signal('SIGKILL');
    setup.guard?.remove(caddy.pid);
    rmSync(folder, { recursive: true, force: true });
  }
}
