import { basename, dirname, isAbsolute, join } from 'node:path';
import { clean } from './patterns.ts';

/** The patterns of a .dockerignore: no comments, no empty lines, all relative to the context. */
export function patternsOf(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim())
    .flatMap((line) => {
      const isException = line.startsWith('!');
      const pattern = isException ? line.slice(1).trim() : line;
      if (pattern === '') return [];
      const inside = clean(pattern).replace(/^\/(?=.)/, '');
      return [isException ? `!${inside}` : inside];
    });
}

/** What says which files a build leaves out. */
export interface IgnoreFile {
  readonly path: string;
  readonly text: string;
}

/**
 * The one beside the Dockerfile that carries its name wins over the one of the context, and is not joined with it.
 * `read` gives the text of a file, undefined where there is none.
 */
export function ignoreFileOf(
  context: string,
  dockerfile: string | undefined,
  read: (path: string) => string | undefined,
): IgnoreFile | undefined {
  const file = dockerfilePath(context, dockerfile);
  for (const path of [join(dirname(file), `${basename(file)}.dockerignore`), join(context, '.dockerignore')]) {
    const text = read(path);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

/** Where the Dockerfile lies: by default `Dockerfile` in the context. */
export function dockerfilePath(context: string, dockerfile = 'Dockerfile'): string {
  return isAbsolute(dockerfile) ? dockerfile : join(context, dockerfile);
}
