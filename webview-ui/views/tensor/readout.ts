/** The line under the matrix: the cell under the cursor, and what part is shown. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import type { LegendContent } from '../../draw/scaleLegend';
import { formatInteger, formatNumber } from '../../state/format';
import type { MatrixPlace } from '../../state/matrixPlace';
import type { CellKind } from '../../state/valueRange';
import type { CellReading, MatrixScene } from './matrixScene';

const cellWords: Readonly<Record<CellKind, string>> = {
  extreme: 'largest',
  magnitude: 'largest |x|',
  mean: 'mean',
  rms: 'RMS',
};

/** `7` or `7–9`: a half-open range as the indices it holds. */
export const rangeText = (from: number, to: number): string =>
  to - from <= 1 ? formatInteger(from) : `${formatInteger(from)}–${formatInteger(to - 1)}`;

/** The value that a cell shows. */
function shownValue(reading: CellReading, cells: CellKind): number {
  return cells === 'magnitude' ? Math.abs(reading.value) : reading.value;
}

/** One sentence for screen readers. */
export function cellSentence(place: MatrixPlace, reading: CellReading | undefined, cells: CellKind): string {
  if (!reading) return `row ${formatInteger(place.row)}, column ${formatInteger(place.column)}: reading`;
  const { rows, columns, isSingle } = reading;
  const value = formatNumber(shownValue(reading, cells));
  if (isSingle) return `row ${formatInteger(rows[0])}, column ${formatInteger(columns[0])}: ${value}`;
  return `rows ${rangeText(...rows)}, columns ${rangeText(...columns)}: ${cellWords[cells]} ${value}`;
}

function renderReadout(
  place: MatrixPlace | undefined,
  reading: CellReading | undefined,
  cells: CellKind,
): TemplateResult {
  if (!place) return html`<span class="quiet">Point at a cell to read it.</span>`;
  const rows = reading?.rows ?? [place.row, place.row + 1];
  const columns = reading?.columns ?? [place.column, place.column + 1];
  const isSingle = reading?.isSingle ?? true;
  return html`<span
      >${rows[1] - rows[0] > 1 ? 'rows' : 'row'}
      <b data-figure="row" data-value=${place.row}>${rangeText(rows[0], rows[1])}</b></span
    >
    <span
      >${columns[1] - columns[0] > 1 ? 'columns' : 'column'}
      <b data-figure="column" data-value=${place.column}>${rangeText(columns[0], columns[1])}</b></span
    >
    <span
      >${isSingle ? 'value' : cellWords[cells]}
      <b data-figure="value" data-value=${reading ? String(shownValue(reading, cells)) : nothing}
        >${reading ? formatNumber(shownValue(reading, cells), 5) : '…'}</b
      ></span
    >`;
}

/** What part of the matrix is seen, and what a cell stands for. */
export function positionText(scene: MatrixScene): string {
  const { region, size, level } = scene;
  const axis = (name: string, from: number, to: number, total: number) =>
    to - from === total
      ? `all ${formatInteger(total)} ${name}${total === 1 ? '' : 's'}`
      : `${name}s ${rangeText(from, to)} of ${formatInteger(total)}`;
  const cell =
    level.rowLevel + level.columnLevel === 0
      ? ''
      : ` · a cell is ${formatInteger(2 ** level.rowLevel)} × ${formatInteger(2 ** level.columnLevel)}`;
  return `${axis('row', region.row0, region.row1, size.rows)}, ${axis('column', region.column0, region.column1, size.columns)}${cell}`;
}

export interface UnderMatrix {
  /** Under the pointer, else selected. */
  readonly place: MatrixPlace | undefined;
  readonly scene: MatrixScene | undefined;
  readonly cells: CellKind;
  /** Tiles that are awaited. */
  readonly pending: number;
  readonly marked: Region | undefined;
  readonly legend: LegendContent | undefined;
}

/** What is said under the matrix: the cell, the part that is shown, the legend. */
export function renderUnder({ place, scene, cells, pending, marked, legend }: UnderMatrix): TemplateResult {
  const waiting = pending > 0 ? `reading ${formatInteger(pending)} ${pending === 1 ? 'tile' : 'tiles'}…` : '';
  const hint = marked
    ? `Marked: ${formatInteger(marked.row1 - marked.row0)} × ${formatInteger(marked.column1 - marked.column0)} values`
    : 'Wheel zooms, dragging moves, Shift and drag marks values to copy.';
  return html`<div class="readout" id="tensor-readout" data-testid="readout">
      ${renderReadout(place, place && scene?.read(place), cells)}
      <span class="spring"></span>
      <span class="quiet position" data-testid="position">${scene ? positionText(scene) : ''}</span>
      <span class="quiet pending" role="status">${waiting}</span>
    </div>
    <div class="under">
      <tl-scale-legend data-testid="legend" .content=${legend}></tl-scale-legend>
      <span class="quiet small hint">${hint}</span>
    </div>`;
}
