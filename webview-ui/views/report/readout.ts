/** The numbers under the pictures' cursor. */
import { html, nothing } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import { count, figure } from './figures';
import type { TileReading } from './tileLoader';

/**
 * Row, column and values of the cell under the cursor, at full precision in `data-value`; one reading for each scheme,
 * with the schemes' labels where there are two. `spoken`: a screen reader tells each change.
 */
export function renderReadout(
  readings: readonly (TileReading | null)[],
  labels: readonly string[],
  region: Region,
  spoken: boolean,
) {
  const reading = readings.find((each) => each !== null) ?? null;
  const folded = reading !== null && spanOf(reading.rows) * spanOf(reading.columns) > 1;
  return html`<div id="picture-readout" aria-live=${spoken ? 'polite' : 'off'} data-testid="readout">
      <dl class="readout">
        ${place('row', reading?.rows)} ${place('column', reading?.columns)}
        ${entry('original', 'original', reading?.original)}
        ${labels.length === 1 ? schemeEntries(readings[0] ?? null, folded, '') : nothing}
      </dl>
      ${
        labels.length === 1
          ? nothing
          : labels.map(
              (label, side) => html`<p class="readout-label">${label}</p>
                <dl class="readout">${schemeEntries(readings[side] ?? null, folded, side === 0 ? '' : '-2')}</dl>`,
            )
      }
    </div>
    <p class="hint">
      ${
        folded
          ? `A cell folds ${count(spanOf(reading!.rows))} × ${count(spanOf(reading!.columns))} elements and shows the largest. `
          : nothing
      }Showing rows ${rangeText([region.row0, region.row1])}, columns ${rangeText([region.column0, region.column1])}.
    </p>`;
}

function schemeEntries(reading: TileReading | null, folded: boolean, suffix: string) {
  const code = reading?.code;
  return html`${entry('dequantized', `dequantized${suffix}`, reading?.dequantized)}
    ${entry(folded ? 'mean |error|' : '|error|', `error${suffix}`, reading?.error)}
    ${entry(folded ? 'largest error' : 'signed error', `signed${suffix}`, reading?.signed)}
    ${code ? entry('code', `code${suffix}`, code.value, code.text) : nothing}
    ${reading?.scale === undefined ? nothing : entry('scale', `scale${suffix}`, reading.scale)}
    ${reading?.zero === undefined ? nothing : entry('zero point', `zero${suffix}`, reading.zero, figure(reading.zero))}`;
}

function entry(label: string, key: string, value: number | undefined, text?: string) {
  const shown = text ?? (value === undefined ? '–' : figure(value));
  return html`<div><dt>${label}</dt><dd data-figure=${key} data-value=${value === undefined ? nothing : String(value)}>${shown}</dd></div>`;
}

function place(key: 'row' | 'column', range: readonly [number, number] | undefined) {
  return entry(range && spanOf(range) > 1 ? `${key}s` : key, key, range?.[0], range ? rangeText(range) : '–');
}

function spanOf(range: readonly [number, number]): number {
  return range[1] - range[0];
}

/** `7` or `7–9`: the half-open range as the indices it holds. */
function rangeText(range: readonly [number, number]): string {
  return spanOf(range) <= 1 ? count(range[0]) : `${count(range[0])}–${count(range[1] - 1)}`;
}
