import type { Plan } from './types.ts';

/** The plan as text: a public format, shared by `camp plan`, `--dry-run` and the golden tests. */
export function printPlan(plan: Plan): string {
  const rows = plan.steps.map((step) => [
    `#${step.id}`,
    step.subject,
    step.kind,
    step.cause,
    step.after.length > 0 ? `after ${step.after.join(',')}` : '',
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
