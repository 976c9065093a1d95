import { type Counted, countFiles } from './size/counted.ts';
import { plainFiles } from './size/files.ts';
import type { ConfigCount, Project } from './types.ts';

/** The short form of `measureConfiguration` that `up` reports: compose files and Caddyfiles, which is what a person reads first. */
export function countConfig(project: Project): ConfigCount {
  const counted = countFiles(project, plainFiles(project));
  const sum = (all: readonly Counted[]): number => all.reduce((lines, { size }) => lines + size.lines, 0);
  return {
    handWrittenLines: sum(counted.filter(({ origin }) => origin === 'hand-written')),
    files: counted.map(({ file, size }) => ({ path: file.name, lines: size.lines, directives: size.directives.size })),
    totalLines: sum(counted),
  };
}
