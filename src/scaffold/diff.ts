import type { Change } from './types.ts';

/** A change set as a unified diff, for `--dry-run`. The one door to the diff library, loaded when asked for. */
export async function diffOf(changes: readonly Change[]): Promise<string> {
  const { createTwoFilesPatch } = await import('diff');
  return changes
    .map(({ path, before, after }) => {
      const name = /[\s"\\]/.test(path) ? JSON.stringify(path) : path;
      const patch = createTwoFilesPatch(
        before === undefined ? '/dev/null' : `a/${name}`,
        `b/${name}`,
        before ?? '',
        after,
        '',
        '',
        { context: 3 },
      );
      return patch.replace(/^=+\n/, '').replace(/^(---|\+\+\+) (.*)\t$/gm, '$1 $2');
    })
    .join('');
}
