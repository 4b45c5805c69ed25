/** Which two dimensions of a tensor make the matrix, and where the others stand. */
import { html, type TemplateResult } from 'lit';
import type { TensorSlice } from '../../../src/protocol/engineApi';
import { formatInteger } from '../../state/format';

/** A select of the viewer's tools: `change` hears the value that was chosen. */
export function renderSelect(
  id: string,
  label: string,
  value: string,
  options: readonly (readonly [value: string, text: string])[],
  change: (value: string) => void,
  isDisabled = false,
): TemplateResult {
  return html`<label class="choice">
    <span>${label}</span>
    <vscode-single-select
      data-testid=${id}
      label=${label}
      .value=${value}
      ?disabled=${isDisabled}
      @change=${(event: Event) => change((event.target as HTMLInputElement).value)}
    >
      ${options.map(([each, text]) => html`<vscode-option value=${each}>${text}</vscode-option>`)}
    </vscode-single-select>
  </label>`;
}

/** Shown for more than two dimensions. */
export function renderSlice(
  shape: readonly number[],
  slice: TensorSlice | undefined,
  change: (slice: TensorSlice | undefined) => void,
): TemplateResult {
  const dimensions = shape.map(
    (size, dimension) => [String(dimension), `${dimension} (${formatInteger(size)})`] as const,
  );
  const rest = formatInteger(shape.slice(1).reduce((product, size) => product * size, 1));
  const set = (part: Partial<TensorSlice>) => {
    const before = slice ?? { rowDimension: 0, columnDimension: 1, at: shape.map(() => 0) };
    const next = { ...before, ...part };
    // The dimension that was taken away from the other axis is given in exchange.
    if (next.rowDimension === next.columnDimension) {
      if (part.rowDimension === undefined) next.rowDimension = before.columnDimension;
      else next.columnDimension = before.rowDimension;
    }
    change(next);
  };
  const layout = renderSelect(
    'layout',
    'Matrix',
    slice ? 'slice' : 'flat',
    [
      ['slice', 'one slice'],
      ['flat', `${formatInteger(shape[0]!)} × all others (${rest})`],
    ],
    (value) =>
      change(
        value === 'flat'
          ? undefined
          : {
              rowDimension: shape.length - 2,
              columnDimension: shape.length - 1,
              at: shape.map(() => 0),
            },
      ),
  );
  if (!slice) return html`<div class="tools slices">${layout}</div>`;
  const { rowDimension, columnDimension, at } = slice;
  const others = shape
    .map((_, dimension) => dimension)
    .filter((each) => each !== rowDimension && each !== columnDimension);
  const move = (dimension: number, text: string) => {
    const index = Math.min(shape[dimension]! - 1, Math.max(0, Math.round(Number(text)) || 0));
    set({ at: at.map((each, other) => (other === dimension ? index : each)) });
  };
  return html`<div class="tools slices" data-testid="slices">
    ${layout}
    ${renderSelect('row-dimension', 'rows', String(rowDimension), dimensions, (value) => set({ rowDimension: Number(value) }))}
    ${renderSelect('column-dimension', 'columns', String(columnDimension), dimensions, (value) => set({ columnDimension: Number(value) }))}
    ${others.map(
      (dimension) => html`<label class="choice slider">
        <span>index ${dimension}</span>
        <input
          type="range"
          min="0"
          max=${shape[dimension]! - 1}
          .value=${String(at[dimension] ?? 0)}
          aria-label="Index of dimension ${dimension}"
          data-slider=${dimension}
          @input=${(event: Event) => move(dimension, (event.target as HTMLInputElement).value)}
        />
        <input
          class="field"
          type="number"
          min="0"
          max=${shape[dimension]! - 1}
          .value=${String(at[dimension] ?? 0)}
          aria-label="Index of dimension ${dimension}, as a number"
          data-slice-index=${dimension}
          @change=${(event: Event) => move(dimension, (event.target as HTMLInputElement).value)}
        />
        <span class="quiet">of ${formatInteger(shape[dimension]!)}</span>
      </label>`,
    )}
  </div>`;
}
