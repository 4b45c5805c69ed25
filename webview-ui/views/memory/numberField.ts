/** A number with a slider: native inputs, one label for both, places on a scale of ratios. */
import { html, type TemplateResult } from 'lit';
import { formatInteger } from '../../state/format';
import { nearestStep } from '../../state/memoryState';

export interface NumberField {
  readonly id: string;
  readonly label: string;
  /** Behind the number, for readers of the slider: "tokens". */
  readonly unit: string;
  readonly value: number;
  readonly most: number;
  /** Values of the slider's places; without them there is no slider. */
  readonly steps?: readonly number[] | undefined;
  readonly hint?: string | undefined;
  change(value: number): void;
}

export function numberField({
  id,
  label,
  unit,
  value,
  most,
  steps,
  hint,
  change,
}: NumberField): TemplateResult {
  const onNumber = (event: Event) => {
    const typed = Math.round((event.target as HTMLInputElement).valueAsNumber);
    if (typed >= 1 && typed <= most) change(typed);
  };
  /** What was left in the field and is no number goes back to what counts. */
  const onLeave = (event: Event) => {
    (event.target as HTMLInputElement).value = String(value);
  };
  return html`<div class="memory-field">
    <label for="memory-${id}">${label}</label>
    ${
      steps
        ? html`<input
            type="range"
            class="memory-range"
            data-testid="memory-${id}-range"
            min="0"
            max=${steps.length - 1}
            step="1"
            aria-label=${label}
            aria-valuetext="${formatInteger(value)} ${unit}"
            .value=${String(nearestStep(steps, value))}
            @input=${(event: Event) => change(steps[(event.target as HTMLInputElement).valueAsNumber]!)}
          />`
        : ''
    }
    <input
      type="number"
      class="plain-number"
      id="memory-${id}"
      data-testid="memory-${id}"
      min="1"
      max=${most}
      step="1"
      title=${hint ?? ''}
      .value=${String(value)}
      @input=${onNumber}
      @blur=${onLeave}
    />
  </div>`;
}

export interface ChoiceField<T extends string> {
  readonly id: string;
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly hint?: string | undefined;
  change(value: T): void;
}

export function choiceField<T extends string>({
  id,
  label,
  value,
  options,
  hint,
  change,
}: ChoiceField<T>): TemplateResult {
  return html`<div class="memory-field">
    <label for="memory-${id}">${label}</label>
    <select
      class="plain-select"
      id="memory-${id}"
      data-testid="memory-${id}"
      title=${hint ?? ''}
      .value=${value}
      @change=${(event: Event) => change((event.target as HTMLSelectElement).value as T)}
    >
      ${options.map(([each, text]) => html`<option value=${each} ?selected=${each === value}>${text}</option>`)}
    </select>
  </div>`;
}

export function checkField(
  id: string,
  label: string,
  value: boolean,
  change: (value: boolean) => void,
): TemplateResult {
  return html`<label class="memory-check"
    ><input
      type="checkbox"
      data-testid="memory-${id}"
      .checked=${value}
      @change=${(event: Event) => change((event.target as HTMLInputElement).checked)}
    />${label}</label
  >`;
}
