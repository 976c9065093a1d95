import type { ChangesReport } from '../report/changes.ts';

/** A change set as it is published, without the texts of the files. */
export function reportOf(
  set: Omit<ChangesReport, 'files'> & { readonly changes: readonly { readonly path: string }[] },
  next: readonly string[],
): ChangesReport {
  const { project, found, notes, diff, changes } = set;
  return {
    project,
    files: changes.map((one) => one.path),
    found,
    notes,
    next,
    ...(diff === undefined ? {} : { diff }),
  };
}
