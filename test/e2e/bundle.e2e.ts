import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';

/* Decision 4: what a command does not need is not loaded, and what it needs is in few files. */
let home: Home;
let log: string;
beforeAll(() => {
  home = createHome();
  log = join(home.dir, 'loaded');
});
afterAll(() => home[Symbol.dispose]());

/** Writes at the end of each process which files of the bundle it has loaded. */
const hook = (to: string): string => `process.on('exit', () => {
  const files = Object.keys(require('node:module')._cache).filter((file) => file.includes('/dist/'));
  const line = JSON.stringify({ isSupervisor: process.env.CAMP_SUPERVISOR === '1', files });
  require('node:fs').appendFileSync(${JSON.stringify(to)}, line + '\\n');
});
`;

interface Loaded {
  readonly isSupervisor: boolean;
  /** Without their hashes: `up`, `cli.cjs`. */
  readonly files: readonly string[];
}

async function loadedBy(cluster: Cluster, ...commands: readonly (readonly string[])[]): Promise<readonly Loaded[]> {
  const file = join(home.dir, 'hook.cjs');
  writeFileSync(file, hook(log));
  writeFileSync(log, '');
  for (const args of commands) await cluster.camp(args, [0], { NODE_OPTIONS: `--require ${file}` });
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  return lines.map((line) => {
    const { isSupervisor, files } = JSON.parse(line) as Loaded;
    return { isSupervisor, files: files.map((one) => basename(one).replace(/-[\w-]{8}\.cjs$/, '')) };
  });
}

describe('of the bundle', () => {
  test('help loads nothing of what starts a project', async () => {
    await using cluster = new Cluster(home, 'help', { api: {} });
    const [help] = await loadedBy(cluster, ['--help']);
    expect(help?.files).toContain('oclif');
    for (const group of ['up', 'edge', 'containers']) expect(help?.files).not.toContain(group);
  });

  test('a project of processes loads nothing of containers, and who only starts it nearly nothing', async () => {
    await using cluster = new Cluster(home, 'processes', { api: {} });
    const loaded = await loadedBy(cluster, ['up', '-d'], ['down']);
    const starter = loaded.find(({ files }) => files.includes('detach.cjs'));
    expect(starter?.files.toSorted()).toEqual(['detach', 'detach.cjs', 'rolldown-runtime']);
    const supervisor = loaded.find(({ isSupervisor, files }) => isSupervisor && files.length > 0);
    expect(supervisor?.files).toEqual(expect.arrayContaining(['base', 'up', 'edge']));
    expect(supervisor?.files).not.toContain('containers');
    expect(supervisor?.files).not.toContain('oclif');
    expect(supervisor?.files.length).toBeLessThan(20);
  });
});
