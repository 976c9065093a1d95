import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/kit/spawn.ts';
import { type Begun, type ComposeCli, composeCli } from '../../src/runtime/docker/compose.ts';
import { findCompose } from '../../src/runtime/docker/engine/find-compose.ts';
import type { Engine } from '../../src/runtime/docker/engine/types.ts';
import { composeLabels } from '../../src/runtime/docker/labels.ts';
import { recordingsIn } from '../../src/runtime/docker/recording.ts';
import { engineForTests } from '../rig/docker.ts';

const found = await engineForTests('a Compose that waits', ['busybox']);
const how = { signal: new AbortController().signal, onMade: () => undefined };
const guard = 'edge.camp';

/* Decision 12: a Compose that is begun before its step changes nothing until it is told what camp adds. */
describe.skipIf(!found)('a Compose that waits', () => {
  const engine = found as Engine;
  let folder: string;
  let name: string;
  let cli: ComposeCli;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'camp-waits-'));
    name = `campwaits-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    const file = join(folder, 'compose.yaml');
    writeFileSync(file, 'services:\n  api: { image: busybox, command: ["sleep", "1000"] }\n');
    cli = composeCli({
      engine,
      compose: (signal) => findCompose(process.env, engine, signal),
      project: { id: name, name, dir: folder, files: [file], envFiles: [], profiles: [] },
      runDir: join(folder, 'run'),
      ownEnv: process.env,
      recordings: recordingsIn(folder, () => [file]),
    });
  });

  afterEach(async () => {
    const argv = ['docker', 'compose', '-p', name, '-f', join(folder, 'compose.yaml'), 'down', '-t', '0'];
    await runCommand(argv, { timeoutMs: 60_000 });
    rmSync(folder, { recursive: true, force: true });
  });

  const begin = (): Begun => cli.begin(['up', '--no-start', '--pull', 'never', 'api'], guard);
  const told = `services: { ${guard}: { image: busybox, deploy: { replicas: 0 } }, api: { labels: { added: "1" } } }`;
  const made = async (): Promise<number> =>
    (await engine.api.listContainers([`${composeLabels.project}=${name}`])).length +
    (await engine.api.listNetworks([`${composeLabels.project}=${name}`])).length;

  it('creates what it is told to, with what camp adds', async () => {
    const begun = begin();
    await delay(500);
    expect(await made()).toBe(0);
    await begun.go(told, how);
    const [container, ...others] = await engine.api.listContainers([`${composeLabels.project}=${name}`]);
    expect(container?.labels).toMatchObject({ added: '1' });
    expect(others).toEqual([]);
  });

  it.each([
    ['it is told nothing', (begun: Begun) => begun.go('', how)],
    ['what it is told is cut off', (begun: Begun) => begun.go(`services:\n  api: { labels: { added: "1" } }\n`, how)],
    ['it is not needed', (begun: Begun) => (begun.end(), begun.go(told, how))],
  ])('creates nothing when %s', async (_, end) => {
    await expect(end(begin())).rejects.toThrow();
    expect(await made()).toBe(0);
  });
});
