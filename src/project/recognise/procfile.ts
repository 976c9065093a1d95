import { type Folder, readIn } from './folder.ts';

export interface Process {
  readonly type: string;
  readonly line: string;
}

/** The entries of a Procfile (`type: command` a line); `release` runs at deployment only. */
export function readProcfile(folder: Folder): readonly Process[] {
  if (!folder.names.has('Procfile')) return [];
  return (readIn(folder, 'Procfile') ?? '').split(/\r?\n/).flatMap((row) => {
    const [, type, line] = /^([A-Za-z0-9_-]+):\s*(\S.*)$/.exec(row.trim()) ?? [];
    return type && line && type !== 'release' ? [{ type, line: line.trim() }] : [];
  });
}
