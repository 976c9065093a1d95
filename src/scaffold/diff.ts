import type { Change } from './types.ts';

/** A change set as a unified diff, for `--dry-run`. The one door to the diff library, loaded when asked for. */
export async function diffOf(changes: readonly Change[]): Promise<string> {
  const { createTwoFilesPatch } = await import('diff');
  return changes
    .map((change) => {
      const { path, before, after } = change.isSecret ? masked(change) : change;
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

/** The values of a .env file are nobody's to see, those that stay included. */
function masked({ path, before, after }: Change): Change {
  const hide = (text: string) => text.replace(/^([^#\n=]*=)[^\r\n]*/gm, '$1***');
  return { path, ...(before === undefined ? {} : { before: hide(before) }), after: hide(after) };
}
