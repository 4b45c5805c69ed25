/** The map of a whole model's error: an accessible grid, layers down and module kinds across. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type { TensorError } from '../../../src/protocol/engineApi';
import { type SequentialName, sequentialMap, textOver } from '../../draw/colorMaps';
import { cssColour } from '../../draw/colour';
import { layoutMap, type MapGroup } from './mapLayout';
import { goodness, isQuantized, type Metric, type MetricRange } from './metrics';
import { styled } from './styled';

export interface CellPlace {
  readonly group: number;
  readonly row: number;
  readonly column: number;
}

/**
 * `<tl-error-map>`: fires `tl-point` with the row's index (or null) while the pointer or the cell cursor is on a
 * cell, and `tl-select` on click and Enter, `tl-table` on T.
 */
export class ErrorMap extends LitElement {
  static override properties = {
    rows: { attribute: false },
    metric: { attribute: false },
    range: { attribute: false },
    selected: { attribute: false },
    showKept: { attribute: false },
    colorMap: { attribute: false },
    cursor: { state: true },
  };

  declare rows: readonly TensorError[];
  declare metric: Metric;
  declare range: MetricRange | null;
  /** Index into rows. */
  declare selected: number | undefined;
  declare showKept: boolean;
  declare colorMap: SequentialName;
  declare cursor: CellPlace | undefined;

  /** Rows of the report that have a cell; the layout's indices point here. */
  private shown: number[] = [];
  private groups: MapGroup[] = [];

  protected override createRenderRoot(): this {
    return this;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('rows') || changed.has('showKept')) {
      this.shown = [...this.rows.keys()].filter((row) => this.showKept || isQuantized(this.rows[row]!));
      this.groups = layoutMap(this.shown.map((row) => this.rows[row]!.name));
      this.cursor = undefined;
    }
    if ((changed.has('selected') || !this.cursor) && this.selected !== undefined)
      this.cursor = this.placeOfRow(this.selected) ?? this.cursor;
    this.cursor ??= this.places()[0];
  }

  /** Moves keyboard focus to the cell cursor. */
  override focus(): void {
    this.cellElement(this.cursor)?.focus();
  }

  protected override render() {
    return html`<div
      class=${this.groups.some(isSlanted) ? 'map slanting' : 'map'}
      role="grid"
      aria-label=${`${this.metric.label} of every tensor, layers down, modules across. T goes to the table.`}
      aria-readonly="true"
      data-testid="error-map"
      @keydown=${this.onKey}
      @pointerleave=${() => this.point(null)}
    >
      ${this.groups.map((group, index) => this.renderGroup(group, index))}
    </div>`;
  }

  private renderGroup(group: MapGroup, groupIndex: number) {
    const single = group.label === '';
    return html`<div
      class=${`map-group${single ? ' outside' : ''}${isSlanted(group) ? ' slanted' : ''}`}
      role="rowgroup"
      ${styled({ '--columns': String(group.columns.length) })}
    >
      <div class="map-row" role="row">
        <span class="map-corner" role="columnheader">${single ? 'Outside of layers' : group.label}</span>
        ${group.columns.map(
          (column) =>
            html`<span class="map-column" role="columnheader" title=${column.module || nothing}
              >${shortened(column.label)}</span
            >`,
        )}
      </div>
      ${group.rows.map(
        (row, rowIndex) => html`<div class="map-row" role="row">
          <span class="map-label" role="rowheader" title=${row.label}>${row.label}</span>
          ${row.cells.map((cell, column) =>
            this.renderCell(cell, { group: groupIndex, row: rowIndex, column }),
          )}
        </div>`,
      )}
    </div>`;
  }

  private renderCell(cell: number | null, place: CellPlace) {
    const { cursor, metric } = this;
    const here =
      cursor?.group === place.group && cursor.row === place.row && cursor.column === place.column
        ? '0'
        : '-1';
    if (cell === null)
      return html`<span class="map-cell hole" role="gridcell" aria-label="no such tensor"></span>`;
    const index = this.shown[cell]!;
    const row = this.rows[index]!;
    const quantized = isQuantized(row);
    const value = metric.value(row);
    const isPending = quantized && Number.isNaN(value);
    const colour =
      quantized && !isPending
        ? sequentialMap(this.colorMap).at(goodness(metric, this.range, value))
        : undefined;
    return html`<span
      class=${quantized ? (isPending ? 'map-cell pending' : 'map-cell') : 'map-cell kept'}
      role="gridcell"
      tabindex=${here}
      data-tensor=${row.name}
      data-value=${quantized && !(isPending && row.isUnmeasured) ? String(value) : nothing}
      data-place=${`${place.group},${place.row},${place.column}`}
      aria-selected=${index === this.selected ? 'true' : 'false'}
      aria-label=${`${row.name}, ${quantized ? `${metric.label} ${isPending ? (row.isUnmeasured ? 'not measured' : 'not computed yet') : `${metric.format(value)} ${metric.unit}`}` : `kept as ${row.from}`}`}
      ${styled({
        'background-color': colour ? cssColour(colour) : '',
        color: colour ? textOver(colour) : '',
      })}
      @pointerenter=${() => this.point(index)}
      @focus=${() => this.moveTo(place, index)}
      @click=${() => this.select(index)}
      ><span class="map-number">${quantized ? metric.format(value) : 'kept'}</span></span
    >`;
  }

  private point(index: number | null): void {
    const at = index ?? this.rowAt(this.cursor);
    this.dispatchEvent(new CustomEvent('tl-point', { detail: at ?? null }));
  }

  private select(index: number): void {
    this.dispatchEvent(new CustomEvent('tl-select', { detail: index }));
  }

  private moveTo(place: CellPlace, index: number): void {
    this.cursor = place;
    this.point(index);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (!this.cursor || event.altKey || event.metaKey) return;
    if (event.key === 't') {
      this.dispatchEvent(new CustomEvent('tl-table'));
      event.preventDefault();
      return;
    }
    if (event.key === 'Enter' || event.key === ' ') {
      const index = this.rowAt(this.cursor);
      if (index !== undefined) this.select(index);
      event.preventDefault();
      return;
    }
    const next = this.neighbour(this.cursor, event);
    if (next === undefined) return;
    event.preventDefault();
    this.cellElement(next)?.focus();
  };

  /** The place that a key goes to; undefined for other keys. Holes are stepped over. */
  private neighbour(from: CellPlace, event: KeyboardEvent): CellPlace | undefined {
    const places = this.places();
    const inRow = places.filter((place) => place.group === from.group && place.row === from.row);
    const at = inRow.findIndex((place) => place.column === from.column);
    switch (event.key) {
      case 'ArrowLeft':
        return inRow[Math.max(0, at - 1)];
      case 'ArrowRight':
        return inRow[Math.min(inRow.length - 1, at + 1)];
      case 'Home':
        return event.ctrlKey ? places[0] : inRow[0];
      case 'End':
        return event.ctrlKey ? places.at(-1) : inRow.at(-1);
      case 'ArrowUp':
      case 'ArrowDown': {
        const down = event.key === 'ArrowDown';
        const beyond = places.filter((place) =>
          place.group === from.group
            ? down
              ? place.row > from.row
              : place.row < from.row
            : down
              ? place.group > from.group
              : place.group < from.group,
        );
        const nearest = down ? beyond[0] : beyond.at(-1);
        if (!nearest) return from;
        // The nearest row that has cells, and in it the column that is least far away.
        return beyond
          .filter((place) => place.group === nearest.group && place.row === nearest.row)
          .sort((one, other) => Math.abs(one.column - from.column) - Math.abs(other.column - from.column))[0];
      }
      default:
        return undefined;
    }
  }

  /** Every cell with a tensor, in reading order. */
  private places(): CellPlace[] {
    return this.groups.flatMap((each, group) =>
      each.rows.flatMap(({ cells }, row) =>
        cells.flatMap((cell, column) => (cell === null ? [] : [{ group, row, column }])),
      ),
    );
  }

  private placeOfRow(index: number): CellPlace | undefined {
    return this.places().find((place) => this.rowAt(place) === index);
  }

  private rowAt(place: CellPlace | undefined): number | undefined {
    if (!place) return undefined;
    const cell = this.groups[place.group]?.rows[place.row]?.cells[place.column];
    return cell === null || cell === undefined ? undefined : this.shown[cell];
  }

  private cellElement(place: CellPlace | undefined): HTMLElement | null {
    if (!place) return null;
    return this.querySelector(`[data-place="${place.group},${place.row},${place.column}"]`);
  }
}

/** Longer column names than this do not fit over their cells. */
const straightName = 8;

/** Leaning names have room for so many letters; the end tells more than the start. */
const longestName = 18;

function shortened(label: string): string {
  return label.length > longestName ? `…${label.slice(1 - longestName)}` : label;
}

function isSlanted(group: MapGroup): boolean {
  return group.columns.some((column) => column.label.length > straightName);
}

customElements.define('tl-error-map', ErrorMap);
