import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, writeWhole } from '../../kit/files.ts';
import type { Command, ComposeCli, ComposeModel, ComposeProject } from './compose.ts';
import type { Api } from './engine/types.ts';
import { projectLabel } from './labels.ts';
import { networksOf } from './networks.ts';

/** A command in a container of its own, of a project that is not running. */
export interface OneOff {
  readonly command: Command;
  /** Removes the networks that Compose has made for it, unless somebody else has joined them meanwhile. */
  tidy(): Promise<void>;
}

/** What Compose makes for the command carries the project's label: `camp down` finds it if `tidy` is never called. */
export async function oneOffIn(
  { api, cli, project, model, runDir }: OneOffSetup,
  service: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<OneOff> {
  const label = `${projectLabel}=${project.id}`;
  const [{ own }, before] = await Promise.all([networksOf(api, project, model), api.listNetworks([label], { signal })]);
  const wasThere = new Set(before.map(({ id }) => id));
  const file = join(runDir, `compose.run.${process.pid}.yaml`);
  makeFolder(runDir, 0o700);
  const mark = { labels: { [projectLabel]: project.id } };
  // JSON is YAML
  const text = JSON.stringify({
    services: { [service]: mark },
    networks: Object.fromEntries(own.map((key) => [key, mark])),
  });
  writeWhole(file, text, { mode: 0o600, durable: false });
  return {
    command: await cli.command(args, signal, file),
    async tidy() {
      rmSync(file, { force: true });
      const made = (await api.listNetworks([label])).filter(({ id }) => !wasThere.has(id));
      await Promise.all(made.map(({ id }) => api.removeNetwork(id).catch(() => undefined)));
    },
  };
}

export interface OneOffSetup {
  readonly api: Api;
  readonly cli: ComposeCli;
  readonly project: ComposeProject;
  readonly model: ComposeModel;
  readonly runDir: string;
}
