/** The numbers under the pictures' cursor. */
import { html, nothing } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import { count, figure } from './figures';
import type { TileReading } from './tileLoader';

/**
 * Row, column and values of the cell under the cursor, at full precision in `data-value`. `spoken`: a screen
 * reader tells each change.
 */
export function renderReadout(reading: TileReading | null, region: Region, spoken: boolean) {
  const folded = reading !== null && spanOf(reading.rows) * spanOf(reading.columns) > 1;
  const entry = (label: string, key: string, text: string, value: string | undefined) =>
    html`<div><dt>${label}</dt><dd data-figure=${key} data-value=${value ?? nothing}>${text}</dd></div>`;
  const place = (key: 'row' | 'column', range: readonly [number, number] | undefined) =>
    entry(
      range && spanOf(range) > 1 ? `${key}s` : key,
      key,
      range ? rangeText(range) : '–',
      range && String(range[0]),
    );
  const value = (label: string, key: 'original' | 'dequantized' | 'error') =>
    entry(label, key, reading ? figure(reading[key]) : '–', reading ? String(reading[key]) : undefined);
  return html`<dl class="readout" id="picture-readout" aria-live=${spoken ? 'polite' : 'off'} data-testid="readout">
        ${place('row', reading?.rows)} ${place('column', reading?.columns)}
        ${value('original', 'original')} ${value('dequantized', 'dequantized')} ${value(folded ? 'mean |error|' : '|error|', 'error')}
      </dl>
      <p class="hint">
        ${
          folded
            ? `A cell folds ${count(spanOf(reading!.rows))} × ${count(spanOf(reading!.columns))} elements and shows the largest. `
            : nothing
        }Showing rows ${rangeText([region.row0, region.row1])}, columns ${rangeText([region.column0, region.column1])}.
      </p>`;
}

function spanOf(range: readonly [number, number]): number {
  return range[1] - range[0];
}

/** `7` or `7–9`: the half-open range as the indices it holds. */
function rangeText(range: readonly [number, number]): string {
  return spanOf(range) <= 1 ? count(range[0]) : `${count(range[0])}–${count(range[1] - 1)}`;
}
