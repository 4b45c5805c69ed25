/** Below the map: the recipe that is being put together, what it comes to, and where it goes. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';
import { formatBits, formatBytes, formatInteger, formatNumber, formatShare } from '../../state/format';
import type { DraftPlaces, DraftRule, RecipeDraft } from '../../state/recipeDraft';
import type { ModelTotal, TensorPick } from '../../state/sensitivityTotals';
import { nameOf } from './matrixChoice';
import { type PlanState, refusalOf } from './recipePlanning';

export interface RecipeSubject {
  readonly draft: RecipeDraft;
  readonly offers: ReadonlyMap<string, SchemeOffer>;
  /** Schemes that the recipe can start from: those across the map. */
  readonly schemes: readonly SchemeOffer[];
  readonly places: DraftPlaces;
  /** Errors from the cells; sizes too until the plan is there. */
  readonly total: ModelTotal;
  /** Undefined: not all cells are known that the recipe depends on. */
  readonly plan: PlanState | undefined;
  /** Bytes of all tensors as they are. */
  readonly bytes: number;
  readonly trusted: boolean;
  /** Path of the importance matrix that its choices weigh errors by. */
  readonly matrix: string | undefined;
}

export interface RecipeActions {
  base(choice: TensorPick): void;
  remove(rule: DraftRule): void;
  clear(): void;
  save(): void;
  quantize(): void;
}

export function recipeBar(subject: RecipeSubject, actions: RecipeActions): TemplateResult {
  const { draft, schemes, total, bytes, trusted, offers, plan } = subject;
  const sizes = plannedSizes(subject);
  const refusal =
    plan?.kind === 'known' ? refusalOf(plan.plan) : plan?.kind === 'failed' ? plan.message : undefined;
  const { rules } = draft;
  const isPartial = total.unknown > 0;
  const error = Number.isNaN(total.sqnr)
    ? 'nothing quantized'
    : html`SQNR <b data-testid="recipe-sqnr" data-value=${total.sqnr}>${total.sqnr === Number.POSITIVE_INFINITY ? 'no error' : `${total.sqnr.toFixed(1).replace('-', '−')} dB`}</b>
        · MSE <b>${formatNumber(total.mse, 3)}</b>`;
  return html`<section class="recipe-bar" aria-label="Recipe" data-testid="recipe-bar">
    <div class="recipe-line">
      <label>Recipe
        <select class="plain-select" data-testid="recipe-base" @change=${(event: Event) => actions.base((event.target as HTMLSelectElement).value)}>
          ${schemes.map(({ key, label }) => html`<option value=${key} ?selected=${key === draft.base}>${label}</option>`)}
          <option value="keep" ?selected=${draft.base === 'keep'}>Keep as it is</option>
        </select>
      </label>
      ${
        rules.length > 0
          ? html`<details class="recipe-rules">
              <summary data-testid="recipe-rules">with <b>${formatInteger(rules.length)}</b> ${rules.length === 1 ? 'exception' : 'exceptions'}</summary>
              <ul>
                ${rules.map(
                  (rule) => html`<li data-testid="recipe-rule">
                    <span class="mono">${rule.scope === 'tensor' ? '' : `${rule.scope === 'layer' ? 'layer' : 'every'} `}${subject.places.title(rule)}</span>
                    <span>${rule.choice === 'keep' ? 'as it is' : (offers.get(rule.choice)?.label ?? rule.choice)}</span>
                    <button type="button" class="link" aria-label="Remove the exception for ${subject.places.title(rule)}" @click=${() => actions.remove(rule)}>Remove</button>
                  </li>`,
                )}
                <li><button type="button" class="link" @click=${() => actions.clear()}>Remove all</button></li>
              </ul>
            </details>`
          : html`<span class="quiet">for every tensor that it is made for</span>`
      }
    </div>
    <div class="recipe-line">
      <span class="recipe-figures" data-testid="recipe-figures" data-plan=${plan?.kind ?? 'none'}>
        <span><b data-testid="recipe-bits" data-value=${sizes.bitsPerWeight}>${formatBits(sizes.bitsPerWeight)}</b> bits a weight</span>
        <span><b data-testid="recipe-size" data-bytes=${sizes.bytes} title="${formatInteger(sizes.bytes)} bytes in tensors">${formatBytes(sizes.bytes)}</b> <span class="quiet">(${formatShare(sizes.bytes / Math.max(1, bytes))})</span></span>
        <span>${total.isSampled ? html`<span title="From samples">≈ </span>` : nothing}${error}</span>
        ${isPartial ? html`<span class="quiet" data-testid="recipe-partial">${formatInteger(total.unknown)} tensors not compared yet</span>` : nothing}
        ${total.failed > 0 ? html`<span class="recipe-failed">${formatInteger(total.failed)} cannot be quantized so</span>` : nothing}
      </span>
      <span class="spring"></span>
      <span class="recipe-actions">
      <vscode-button secondary data-testid="save-recipe" ?disabled=${isPartial} title=${isPartial ? 'Compare all tensors first' : 'Save as a *.loupe.json file'} @click=${() => actions.save()}>Save recipe…</vscode-button>
      <vscode-button data-testid="quantize-recipe" ?disabled=${isPartial || !trusted || refusal !== undefined} title=${refusal !== undefined ? 'It cannot be written so' : trusted ? 'Choose where to write, then quantize' : 'Quantizing writes files, so it waits until this workspace is trusted'} @click=${() => actions.quantize()}>Quantize with this recipe…</vscode-button>
      </span>
    </div>
    ${planNotes(plan, refusal)}
    ${
      subject.matrix === undefined
        ? nothing
        : html`<p class="recipe-note quiet" data-testid="recipe-matrix" title=${subject.matrix}>Weighed by ${nameOf(subject.matrix)}, which a saved recipe names by its place and its hash.</p>`
    }
  </section>`;
}

/** The engine's sizes, which are those of the written file; the cells' until they are there, or where values decide them. */
function plannedSizes({
  plan,
  total,
  draft,
  offers,
}: RecipeSubject): Pick<ModelTotal, 'bytes' | 'bitsPerWeight'> {
  const choices = [draft.base, ...draft.rules.map(({ choice }) => choice)];
  // How many columns LLM.int8() keeps apart is not in the header, nor that values of a tensor are not finite.
  const isOfValues = choices.some((key) => offers.get(key)?.choice.scheme === 'llm-int8');
  if (plan?.kind !== 'known' || isOfValues || total.failed > 0) return total;
  return { bytes: plan.plan.bytesAfter, bitsPerWeight: plan.plan.bitsPerWeight };
}

/** Why it cannot be written, or what loaders may not take; told before anything is asked. */
function planNotes(
  plan: PlanState | undefined,
  refusal: string | undefined,
): TemplateResult | typeof nothing {
  if (refusal !== undefined)
    return html`<p class="recipe-note recipe-failed" role="status" data-testid="recipe-refusal">It cannot be written so. ${refusal}</p>`;
  const warnings = plan?.kind === 'known' ? plan.plan.warnings : [];
  if (warnings.length === 0) return nothing;
  return html`<p class="recipe-note quiet" role="status" data-testid="recipe-warning">${warnings.join(' ')}</p>`;
}
