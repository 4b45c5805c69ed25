/** The cells around the cursor as a table: what the picture tells, for screen readers and for reading numbers off. */
import { html, type TemplateResult } from 'lit';
import { formatInteger, formatNumber } from '../../state/format';
import type { MatrixPlace } from '../../state/matrixPlace';
import type { MatrixScene } from './matrixScene';

const mostRows = 30;
const mostColumns = 12;

/** First cells of the table: the view's own, moved so that the selected one is among them. */
function firstCell(
  from: number,
  to: number,
  step: number,
  most: number,
  selected: number | undefined,
): number {
  const start = Math.floor(from / step);
  const last = Math.floor((to - 1) / step);
  if (selected === undefined) return start;
  const cell = Math.floor(selected / step);
  if (cell < start || cell > last) return start;
  return Math.max(start, Math.min(cell - Math.floor(most / 2), Math.max(start, last - most + 1)));
}

const rangeText = (from: number, to: number) =>
  to - from <= 1 ? formatInteger(from) : `${formatInteger(from)}–${formatInteger(to - 1)}`;

export function renderCellTable(
  scene: MatrixScene,
  selected: MatrixPlace | undefined,
  label: string,
  select: (place: MatrixPlace) => void,
): TemplateResult {
  const { region, level, size } = scene;
  const rowStep = 2 ** level.rowLevel;
  const columnStep = 2 ** level.columnLevel;
  const row = firstCell(region.row0, region.row1, rowStep, mostRows, selected?.row);
  const column = firstCell(region.column0, region.column1, columnStep, mostColumns, selected?.column);
  const rows: number[] = [];
  for (let at = row; at < row + mostRows && at * rowStep < region.row1; at++) rows.push(at);
  const columns: number[] = [];
  for (let at = column; at < column + mostColumns && at * columnStep < region.column1; at++) columns.push(at);
  const isSelected = (atRow: number, atColumn: number) =>
    selected !== undefined &&
    Math.floor(selected.row / rowStep) === atRow &&
    Math.floor(selected.column / columnStep) === atColumn;
  return html`<table class="cells-table" data-testid="cell-table" aria-label=${label}>
    <thead>
      <tr>
        <th scope="col">row \\ column</th>
        ${columns.map((at) => html`<th scope="col" class="number">${rangeText(at * columnStep, Math.min(size.columns, (at + 1) * columnStep))}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (atRow) => html`<tr>
          <th scope="row" class="number">${rangeText(atRow * rowStep, Math.min(size.rows, (atRow + 1) * rowStep))}</th>
          ${columns.map((atColumn) => {
            const place = { row: atRow * rowStep, column: atColumn * columnStep };
            const reading = scene.read(place);
            return html`<td
              class="number"
              aria-current=${isSelected(atRow, atColumn) ? 'true' : 'false'}
              @click=${() => select(place)}
            >${reading ? formatNumber(reading.value) : '…'}</td>`;
          })}
        </tr>`,
      )}
    </tbody>
  </table>`;
}
