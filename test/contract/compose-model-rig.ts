import { spawnSync } from 'node:child_process';
import { composeJson } from '../../src/project/compose/model/canonical.ts';
import { modelOf } from '../../src/project/compose/model.ts';
import { loadProject } from '../../src/project/load.ts';
import { composeCommand } from '../rig/compose-command.ts';

/** `docker compose config` needs no engine; where Compose is, it decides what a file means. */
export const hasCompose = composeCommand !== undefined;

export interface Asked {
  readonly profiles?: readonly string[];
  /** Variables of the caller beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Answer {
  /** Undefined where the project is refused. */
  readonly model: unknown;
  /** Why it is refused. */
  readonly why: string;
}

function callers(dir: string, { env = {} }: Asked): Record<string, string> {
  // PWD as a shell sets it, for Compose reads it
  return { PWD: dir, PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', ...env };
}

/** What Compose makes of a folder. */
export function askCompose(dir: string, asked: Asked = {}): Answer {
  const profiles = (asked.profiles ?? []).flatMap((each) => ['--profile', each]);
  const { status, stdout, stderr } = spawnSync(composeCommand ?? '', [...profiles, 'config', '--format', 'json'], {
    cwd: dir,
    env: callers(dir, asked),
    encoding: 'utf8',
    timeout: 60_000,
  });
  return status === 0 ? { model: JSON.parse(stdout), why: '' } : { model: undefined, why: stderr };
}

/** What camp makes of it. */
export function askCamp(dir: string, asked: Asked = {}): Answer {
  const env = callers(dir, asked);
  const { project, problems } = loadProject(dir, { env, ...(asked.profiles ? { profiles: asked.profiles } : {}) });
  const model = project && modelOf(project, env);
  const why = problems
    .map(({ code, message, source }) => `${code} ${message} ${source?.file}:${source?.line}`)
    .join('\n');
  return { model: model && JSON.parse(composeJson(model)), why };
}
