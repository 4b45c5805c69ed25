/** The tools over the matrix: what cells say, how values become colours, and what one can do. */
import { html, nothing, type TemplateResult } from 'lit';
import type { ScaleKind } from '../../draw/valueScale';
import type { CellKind, RangeMode } from '../../state/valueRange';
import { renderSelect } from './slicePicker';
import { isPercent, type ViewChoices } from './viewChoices';

export interface ToolbarEvents {
  choose(part: Partial<ViewChoices>): void;
  zoom(factor: number): void;
  fit(): void;
  goToIndex(): void;
  copy(): void;
  save(): void;
  toggleTable(): void;
}

const cellTexts: Readonly<Record<CellKind, string>> = {
  extreme: 'largest, with sign',
  magnitude: 'largest |x|',
  mean: 'mean',
  rms: 'RMS',
};
const scaleTexts: Readonly<Record<ScaleKind, string>> = {
  linear: 'linear',
  symlog: 'symmetric log',
  quantile: 'quantile',
};
const rangeTexts: Readonly<Record<RangeMode, string>> = {
  auto: 'automatic',
  whole: 'whole tensor',
  percentile: 'percentile of |x|',
  view: 'what is shown',
  typed: 'typed',
};

export function renderToolbar(
  choices: ViewChoices,
  range: { readonly min: number; readonly max: number } | undefined,
  showsTable: boolean,
  events: ToolbarEvents,
): TemplateResult {
  const entries = <T extends string>(texts: Readonly<Record<T, string>>) =>
    Object.entries(texts) as [string, string][];
  const tool = (id: string, text: string, title: string, run: () => void, pressed?: boolean) =>
    html`<button
      type="button"
      class="tool"
      data-testid=${id}
      title=${title}
      aria-label=${title}
      aria-pressed=${pressed ?? nothing}
      @click=${run}
    >${text}</button>`;
  return html`<div class="tools" role="toolbar" aria-label="Tensor viewer">
    ${renderSelect('cells', 'Cells', choices.cells, entries(cellTexts), (value) => events.choose({ cells: value as CellKind }))}
    ${renderSelect('scale', 'Colours', choices.scale, entries(scaleTexts), (value) => events.choose({ scale: value as ScaleKind }))}
    ${renderSelect(
      'range',
      'Range',
      choices.range,
      entries(rangeTexts),
      (value) => {
        const typed = value === 'typed' ? (choices.typed ?? range) : choices.typed;
        events.choose({ range: value as RangeMode, typed: typed && { min: typed.min, max: typed.max } });
      },
      choices.scale === 'quantile',
    )}
    ${choices.scale === 'quantile' ? nothing : renderRangeFields(choices, events)}
    ${renderSelect(
      'profile',
      'Profiles',
      choices.profile,
      [
        ['absmax', 'absmax'],
        ['rms', 'RMS'],
      ],
      (value) => events.choose({ profile: value as ViewChoices['profile'] }),
    )}
    <span class="spring"></span>
    <span class="actions">
      ${tool('zoom-out', '−', 'Zoom out (-)', () => events.zoom(0.5))}
      ${tool('zoom-in', '+', 'Zoom in (+)', () => events.zoom(2))}
      ${tool('fit', 'Fit', 'Show the whole matrix (0)', events.fit)}
      ${tool('go-to', 'Go to…', 'Go to an index (G)', events.goToIndex)}
      ${tool('copy', 'Copy…', 'Copy values as CSV or NumPy text (C)', events.copy)}
      ${tool('save', 'Save…', 'Save as PNG, CSV or .npy (S)', events.save)}
      ${tool('table', 'Table', 'Show the cells as a table (T)', events.toggleTable, showsTable)}
    </span>
  </div>`;
}

function renderRangeFields(choices: ViewChoices, events: ToolbarEvents) {
  const value = (event: Event) => Number((event.target as HTMLInputElement).value);
  if (choices.range === 'percentile')
    return html`<label class="choice"
      ><input
        class="field"
        type="number"
        min="1"
        max="100"
        step="0.1"
        aria-label="Percentile"
        data-testid="percent"
        .value=${String(choices.percent)}
        @change=${(event: Event) => {
          const percent = value(event);
          if (isPercent(percent)) events.choose({ percent });
        }}
      /><span>%</span></label
    >`;
  if (choices.range !== 'typed') return nothing;
  const typed = choices.typed ?? { min: -1, max: 1 };
  const field = (key: 'min' | 'max') => html`<input
    class="field wide"
    type="number"
    step="any"
    aria-label=${key === 'min' ? 'Value of the first colour' : 'Value of the last colour'}
    data-testid=${`typed-${key}`}
    .value=${String(Number(typed[key].toPrecision(6)))}
    @change=${(event: Event) => {
      const next = { ...typed, [key]: value(event) };
      if (Number.isFinite(next.min) && Number.isFinite(next.max)) events.choose({ typed: next });
    }}
  />`;
  return html`<span class="choice">${field('min')}<span>to</span>${field('max')}${
    typed.max > typed.min
      ? nothing
      : html`<span class="failure small" role="alert">The first must be smaller.</span>`
  }</span>`;
}
