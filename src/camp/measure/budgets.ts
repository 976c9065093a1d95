import { CampError, failure } from '../../kit/failure.ts';
import { isSame, readBudgets } from '../../project/measure/budget.ts';
import type { Budget } from '../../project/measure/types.ts';
import { sourceOf } from '../../project/text-file.ts';

/**
 * The budgets of `--budget`, each given text with commas between. Throws BUDGET_INVALID (usage) for every misfit of every
 * text, with the place in it.
 */
export function parseBudgets(texts: readonly string[]): readonly Budget[] {
  const read = texts.map((text) => ({ text, ...readBudgets(text) }));
  const failures = read.flatMap(({ text, misfits }) =>
    misfits.map(({ begin, length, message, hint }) => {
      const file = { name: '--budget', text };
      const source = sourceOf({ file, begin, end: Math.min(begin + length, Math.max(begin + 1, text.length)) });
      return failure('usage', 'BUDGET_INVALID', message, { hints: [hint], source });
    }),
  );
  if (failures.length > 0) throw new CampError(failures);
  return read.flatMap(({ budgets }) => budgets);
}

/** The budgets of the project; one of `--budget` takes the place of one on the same thing, of the same kind. */
export function budgetsOf(ofProject: readonly Budget[], asked: readonly Budget[]): readonly Budget[] {
  return [...ofProject.filter((budget) => !asked.some((other) => isSame(other, budget))), ...asked];
}
