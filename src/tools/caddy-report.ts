import type { UserFolders } from '../kit/paths.ts';
import { findCaddy } from './find-caddy.ts';
import type { Attempt } from './types.ts';
import { minimumVersion } from './version.ts';

export interface CaddyReport {
  /** Which Caddy is used, or that none is there, in one line. */
  readonly summary: string;
  readonly isUsable: boolean;
  /** Every place that was looked at, and what came of it. */
  readonly attempts: readonly Attempt[];
}

/** For `camp doctor`: which Caddy would be used and why the others not. */
export function caddyReport(folders: UserFolders, env: NodeJS.ProcessEnv = process.env): CaddyReport {
  const { tool, attempts } = findCaddy(folders, env);
  const summary = tool
    ? `caddy ${tool.version} from ${tool.origin === 'path' ? 'PATH' : 'the tool cache'}: ${tool.path}`
    : `no caddy ${minimumVersion} or newer: the next camp up fetches one (official release, else apt, else Homebrew)`;
  return { summary, isUsable: tool !== undefined, attempts };
}
