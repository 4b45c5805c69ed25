/** Fills in the rows of an attention head, which pruning by heads goes by, from what the model tells. */
import { LoupeError } from '../errors';
import type { SchemeChoice } from '../protocol/engineApi';
import { type HeadTeller, headSizeOf, prunesHeads } from '../quant/pruning/attentionHeads';

/** Whether a choice prunes by heads and does not say of which size. */
export const lacksHeadSize = (choice: SchemeChoice): boolean =>
  prunesHeads(choice) && choice.headSize === undefined;

/**
 * The choice with the head size that the model tells, where it prunes by heads and names none; others as they are. Throws `usage`, naming
 * what to give, where nothing tells it.
 */
export function withHeadSize(
  choice: SchemeChoice,
  model: HeadTeller & { readonly path: string },
  given: '--head-size N' | 'prune-heads:N',
): SchemeChoice {
  if (!lacksHeadSize(choice)) return choice;
  const headSize = headSizeOf(model);
  if (headSize !== undefined) return { ...choice, headSize };
  throw new LoupeError(
    'usage',
    `Pruning heads needs the rows that belong to one attention head, and nothing in this model tells one size for all its heads: give ${given}.`,
    { file: model.path },
  );
}

/** The line of a result that says which size was taken, where the model told it; none else. */
export function headSizeLines(asked: SchemeChoice, taken: SchemeChoice): readonly string[] {
  if (!lacksHeadSize(asked) || taken.headSize === undefined) return [];
  return [`Heads of ${taken.headSize} rows are pruned, as the model tells.`];
}
