import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProjectDir, projectFiles } from '../camp/folders.ts';
import { status } from '../camp.ts';
import { writeJson } from '../report/json.ts';
import { detectStyle, paint, type Style } from '../report/style.ts';
import { renderStatus } from '../report/summary.ts';
import { terminalOf } from './terminal.ts';

/** Bare `camp`: how things are here, and the three commands that are likely to come next. */
export async function showState(flags: readonly string[]): Promise<void> {
  const dir = findProjectDir(dirOf(flags) ?? process.cwd());
  const isProject = projectFiles.some((name) => existsSync(join(dir, name)));
  const report = isProject ? await status({ dir, env: process.env }) : undefined;
  const next = report?.running
    ? ['camp logs -f', 'camp open', 'camp down']
    : isProject
      ? ['camp up', 'camp plan', 'camp --help']
      : ['camp init hello', 'camp init', 'camp --help'];
  if (flags.includes('--json')) return writeJson({ ...(report ?? { project: null }), next });
  const color = flags.includes('--no-color') ? { color: false } : {};
  const style = detectStyle(terminalOf('stdout'), process.env, color);
  const state = report ? renderStatus(report, style) : 'there is no project in this folder';
  process.stdout.write(`${state}\n\n${nextLine(next, style)}\n`);
}

function nextLine(next: readonly string[], style: Style): string {
  return `next: ${next.map((command) => paint(style, 'accent', command)).join(', ')}`;
}

function dirOf(flags: readonly string[]): string | undefined {
  const at = flags.findLastIndex((flag) => flag === '-C' || flag === '--dir');
  if (at !== -1) return flags[at + 1];
  const joined = flags.findLast((flag) => /^(--dir=|-C.)/.test(flag));
  return joined?.replace(/^(--dir=|-C)/, '');
}
