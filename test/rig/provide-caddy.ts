import { dirname } from 'node:path';
import { CampError } from '../../src/kit/failure.ts';
import { userFolders } from '../../src/kit/paths.ts';
import { fetchCaddy } from '../../src/tools/fetch-caddy.ts';
import { findCaddy } from '../../src/tools/find-caddy.ts';
import { provideServer } from './provide-servers.ts';

/** Fetched at once, so that no test waits for it: each test's own home gets links to them. */
async function provideServers(): Promise<void> {
  await Promise.all((['postgres', 'redis', 'nats'] as const).map((name) => provideServer(name)));
}

/**
 * Once before the suites that need real programs: camp's own tool cache provides them where PATH does not. Where one
 * cannot be had the suites say so and skip, except in CI, where that is a failure.
 */
export default async function providePrograms(): Promise<void> {
  await Promise.all([provideCaddy(), provideServers()]);
}

async function provideCaddy(): Promise<void> {
  const folders = userFolders();
  const found = findCaddy(folders).tool;
  if (found?.origin === 'path') return;
  try {
    const signal = AbortSignal.timeout(300_000);
    const say = (event: { readonly type: string; readonly message?: string }): void =>
      void (event.message && process.stderr.write(`${event.message}\n`));
    const tool = found ?? (await fetchCaddy({ folders, env: process.env, signal, emit: say }));
    process.env['PATH'] = `${dirname(tool.path)}:${process.env['PATH'] ?? ''}`;
  } catch (error) {
    if (process.env['CI'] || !(error instanceof CampError)) throw error;
    process.stderr.write(
      `no Caddy: its suites are skipped\n${error.failures.flatMap((one) => [one.message, ...(one.evidence ?? [])]).join('\n')}\n`,
    );
  }
}
