/** Which schemes stand across the map: those that do, to be taken away, and all others by family. */
import { html, type TemplateResult } from 'lit';
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';

export const mostSchemes = 16;

export interface ChooserActions {
  change(keys: readonly string[]): void;
  reset(): void;
}

export function schemeChooser(
  offers: readonly SchemeOffer[],
  chosen: readonly SchemeOffer[],
  /** Keys of those that cannot be added without an importance matrix. */
  blocked: readonly string[],
  actions: ChooserActions,
): TemplateResult {
  const keys = chosen.map(({ key }) => key);
  const families = [...new Set(offers.map(({ family }) => family))];
  const isFull = chosen.length >= mostSchemes;
  return html`<div class="scheme-chooser" data-testid="scheme-chooser" role="group" aria-label="Schemes across">
    ${chosen.map(
      ({ key, label, detail }) => html`<span class="scheme-chip" title=${detail}>${label}
        <button
          type="button"
          class="chip-remove"
          aria-label="Remove ${label}"
          ?disabled=${chosen.length === 1}
          @click=${() => actions.change(keys.filter((other) => other !== key))}
        >×</button></span>`,
    )}
    <select
      class="plain-select"
      data-testid="add-scheme"
      aria-label="Add a scheme"
      ?disabled=${isFull}
      @change=${(event: Event) => {
        const select = event.target as HTMLSelectElement;
        const key = select.value;
        select.value = '';
        if (key !== '') actions.change([...keys, key]);
      }}
    >
      <option value="" selected>${isFull ? `${mostSchemes} at most` : 'Add a scheme…'}</option>
      ${families.map(
        (family) => html`<optgroup label=${family}>
          ${offers
            .filter((offer) => offer.family === family && !keys.includes(offer.key))
            .map(({ key, label }) =>
              blocked.includes(key)
                ? html`<option value=${key} disabled>${label} (needs an importance matrix)</option>`
                : html`<option value=${key}>${label}</option>`,
            )}
        </optgroup>`,
      )}
    </select>
    <button type="button" class="link" @click=${() => actions.reset()}>The usual ones</button>
  </div>`;
}
