/** Asks what a recipe makes of the model while it changes: the exact sizes of what would be written, and why it cannot be. */
import { LoupeError } from '../../../src/protocol/rpc';
import type { Recipe, RecipePlan } from '../../../src/protocol/sensitivityPageApi';

export type AskRecipePlan = (
  recipe: Recipe,
  imatrix: string | undefined,
  signal: AbortSignal,
) => Promise<RecipePlan>;

/** What is known of the recipe on show. */
export type PlanState =
  | { readonly kind: 'asking' }
  | { readonly kind: 'known'; readonly plan: RecipePlan }
  | { readonly kind: 'failed'; readonly message: string };

const asking: PlanState = { kind: 'asking' };

export class RecipePlanning {
  private key = '';
  private state: PlanState = asking;
  private abort: AbortController | undefined;

  constructor(
    private readonly ask: AskRecipePlan,
    private readonly onChange: () => void,
  ) {}

  /** The plan of a recipe; of another than before it is asked for, and the answer to the former is dropped. */
  of(recipe: Recipe, imatrix?: string | undefined): PlanState {
    const key = JSON.stringify([recipe, imatrix]);
    if (key === this.key) return this.state;
    this.key = key;
    this.state = asking;
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    const put = (state: PlanState) => {
      if (this.abort !== abort) return;
      this.state = state;
      this.onChange();
    };
    this.ask(recipe, imatrix, abort.signal).then(
      (plan) => put({ kind: 'known', plan }),
      (thrown) => put({ kind: 'failed', message: LoupeError.from(thrown).message }),
    );
    return this.state;
  }
}

/** Why a planned recipe cannot be written, in a sentence; undefined when it can. */
export function refusalOf({ refusals, cannotWrite }: RecipePlan): string | undefined {
  const [first] = refusals;
  if (!first) return cannotWrite;
  const more = refusals.reduce((sum, { tensors }) => sum + tensors, 0) - 1;
  const others = more > 0 ? ` And ${more} more ${more === 1 ? 'tensor' : 'tensors'}.` : '';
  return `${first.tensor}: ${first.message}${others}`;
}
