/** All rows of the report as a sortable table. */
import { html, LitElement, nothing } from 'lit';
import type { TensorError } from '../../../src/protocol/engineApi';
import { count, size } from './figures';
import { isQuantized, type Metric, metrics } from './metrics';
import { clickHeader, commonPrefix, orderRows, type TableOrder } from './tableOrder';

/** More rows than this are shown only when asked for. */
const firstRows = 500;

/** `<tl-error-table>`: fires `tl-select` with a row's index, `tl-sort` with the new order, `tl-leave` on Escape. */
export class ErrorTable extends LitElement {
  static override properties = {
    rows: { attribute: false },
    order: { attribute: false },
    selected: { attribute: false },
    showKept: { attribute: false },
    more: { attribute: false },
    all: { state: true },
  };

  declare rows: readonly TensorError[];
  declare order: TableOrder;
  declare selected: number | undefined;
  declare showKept: boolean;
  /** A metric beside those of every report. */
  declare more: Metric | undefined;
  declare all: boolean;

  constructor() {
    super();
    this.all = false;
  }

  /** Moves keyboard focus to the selected row, else to the first. */
  override focus(): void {
    this.querySelector<HTMLElement>('tbody tr[tabindex="0"]')?.focus();
  }

  protected override createRenderRoot(): this {
    return this;
  }

  protected override render() {
    const ordered = orderRows(this.rows, this.order, this.more).filter(
      (index) => this.showKept || isQuantized(this.rows[index]!),
    );
    const left = commonPrefix(ordered.map((index) => this.rows[index]!.name));
    const shown = this.all ? ordered : ordered.slice(0, firstRows);
    const focusable = shown.includes(this.selected ?? -1) ? this.selected : shown[0];
    return html`<table class="errors" data-testid="error-table" aria-label="Error of every tensor">
        <thead>
          <tr>
            ${this.header('name', left === '' ? 'Tensor' : `Tensor in ${left.slice(0, -1)}`)}
            ${this.metrics.map(({ name, label, unit }) => this.header(name, unit ? `${label}, ${unit}` : label, 'number'))}
            ${this.header('bytes', 'Size', 'number')}
            <th scope="col">dtype</th>
          </tr>
        </thead>
        <tbody @keydown=${this.onKey}>
          ${shown.map((index) => this.renderRow(index, index === focusable, left.length))}
        </tbody>
      </table>
      ${
        shown.length < ordered.length
          ? html`<button class="link" @click=${() => {
              this.all = true;
            }}>Show all ${count(ordered.length)} tensors</button>`
          : nothing
      }`;
  }

  private get metrics(): readonly Metric[] {
    return this.more ? [...metrics, this.more] : metrics;
  }

  private header(column: string, label: string, kind = '') {
    const sorted = this.order.column === column;
    const direction = this.order.descending ? 'descending' : 'ascending';
    return html`<th scope="col" class=${kind} aria-sort=${sorted ? direction : 'none'}>
      <button
        data-sort=${column}
        @click=${() =>
          this.dispatchEvent(new CustomEvent('tl-sort', { detail: clickHeader(this.order, column) }))}
        >${label}<span class="arrow" aria-hidden="true">${sorted ? (this.order.descending ? ' ▾' : ' ▴') : ''}</span></button
      >
    </th>`;
  }

  private renderRow(index: number, focusable: boolean, skip: number) {
    const row = this.rows[index]!;
    const quantized = isQuantized(row);
    return html`<tr
      tabindex=${focusable ? '0' : '-1'}
      data-row=${index}
      data-tensor=${row.name}
      class=${index === this.selected ? 'selected' : ''}
      aria-current=${index === this.selected ? 'true' : nothing}
      @click=${() => this.select(index)}
    >
      <td class="name" title=${row.name}>${row.name.slice(skip).replace(/\.weight$/, '')}</td>
      ${
        quantized
          ? this.metrics.map((metric) => {
              const value = metric.value(row);
              const isKnown = !Number.isNaN(value);
              return html`<td class="number" data-metric=${metric.name} data-value=${isKnown ? String(value) : nothing} title=${isKnown || !row.isUnmeasured ? nothing : 'not measured'}>${metric.format(value)}</td>`;
            })
          : html`<td class="note" colspan=${this.metrics.length} title=${row.note ?? nothing}>${row.note ?? 'kept as it is'}</td>`
      }
      <td class="number" title=${`${count(row.bytes)} bytes`}>${size(row.bytes)}</td>
      <td class="stored" title=${`stored as ${row.from} before`}>${row.to}</td>
    </tr>`;
  }

  private select(index: number): void {
    this.dispatchEvent(new CustomEvent('tl-select', { detail: index }));
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const row = (event.target as HTMLElement).closest('tr');
    if (!row) return;
    const focus = (element: Element | null | undefined) =>
      (element as HTMLElement | null | undefined)?.focus();
    switch (event.key) {
      case 'ArrowDown':
        focus(row.nextElementSibling);
        break;
      case 'ArrowUp':
        focus(row.previousElementSibling);
        break;
      case 'Home':
        focus(row.parentElement?.firstElementChild);
        break;
      case 'End':
        focus(row.parentElement?.lastElementChild);
        break;
      case 'Escape':
        this.dispatchEvent(new CustomEvent('tl-leave'));
        break;
      case 'Enter':
      case ' ':
        this.select(Number(row.dataset.row));
        break;
      default:
        return;
    }
    event.preventDefault();
  };
}

customElements.define('tl-error-table', ErrorTable);
