import type { UserFolders } from '../kit/paths.ts';
import { findTool } from './find.ts';
import { installHint, knownTools, systemFolders, wantedMajor } from './known.ts';
import { sourcesOf } from './sources.ts';
import type { Attempt, Tool, ToolName, Wish } from './types.ts';

export interface ToolReport {
  /** Which program is used, or that none is there, in one line. */
  readonly summary: string;
  readonly isUsable: boolean;
  /** Every place that was looked at, and what came of it. */
  readonly attempts: readonly Attempt[];
  /** How to install it, where camp does not fetch it. */
  readonly fix?: string;
}

/** For `camp doctor`: which program would be used, and why the others not. */
export function toolReport(
  name: ToolName,
  wish: Wish,
  folders: UserFolders,
  env: NodeJS.ProcessEnv = process.env,
  places: readonly string[] = systemFolders(name),
): ToolReport {
  const { tool, other, attempts } = findTool(name, wish, folders, env, places);
  const summary = tool
    ? `${name} ${tool.version} from ${placeOf(tool)}: ${tool.path}`
    : `no ${name} ${wantedMajor(name, wish) ?? `${knownTools[name].minimum} or newer`}: ${next(name, wish, other)}`;
  const isUsable = tool !== undefined;
  const mustInstall = !isUsable && sourcesOf(name, wish).length === 0;
  return { summary, isUsable, attempts, ...(mustInstall ? { fix: installHint(knownTools[name]) } : {}) };
}

function placeOf({ origin }: Tool): string {
  if (origin === 'path') return 'PATH';
  return origin === 'system' ? 'the system' : 'the tool cache';
}

/** What the next `camp up` does about it. */
function next(name: ToolName, wish: Wish, other: Tool | undefined): string {
  const sources = sourcesOf(name, wish).map((source) => source.name);
  if (sources.length === 0) return 'camp fetches none, without a container it has to be installed';
  const instead = other ? `, else ${other.path} (${other.version}) stands in` : '';
  return `the next camp up fetches one (${sources.join(', else ')})${instead}`;
}
