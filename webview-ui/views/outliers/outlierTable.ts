/**
 * `<tl-outlier-table>`: all tensors with the map's statistics, sortable. Rows have one height and only those on
 * screen exist. One element has the focus and names the active row.
 */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import { formatInteger } from '../../state/format';
import { type Statistic, type StatisticId, statistics } from '../../state/outlierStatistics';
import type { CheckpointSession } from '../../state/session';
import { type Direction, naturalRanks, sortedOrder } from '../../state/sortOrder';
import type { OutliersState } from '../../state/viewState';
import { type ListGeometry, rowWindow, scrollTopFor } from '../../state/virtualWindow';
import { styled } from '../report/styled';

export interface TableEvents {
  select(tensor: number): void;
  /** Enter on the selected row, or a double click. */
  view(tensor: number): void;
  sort(sort: OutliersState['sort']): void;
  openMap(): void;
  announce(text: string): void;
}

const rowHeight = 22;
const headerHeight = 26;

export class OutlierTable extends LitElement {
  static override properties = {
    session: { attribute: false },
    version: { attribute: false },
    sort: { attribute: false },
    selected: { attribute: false },
    events: { attribute: false },
    scrolled: { state: true },
    active: { state: true },
  };
  declare session: CheckpointSession;
  declare version: number;
  declare sort: OutliersState['sort'];
  declare selected: number | undefined;
  declare events: TableEvents;
  declare private scrolled: number;
  /** Position in the order; -1: none. */
  declare private active: number;
  private order: Uint32Array = new Uint32Array(0);
  private ranks: Float64Array | undefined;
  private viewportHeight = 0;
  private readonly resize = new ResizeObserver(() => this.measure());

  constructor() {
    super();
    this.scrolled = 0;
    this.active = -1;
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  override focus(): void {
    this.scroller?.focus();
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('session')) this.ranks = undefined;
    if (!changed.has('session') && !changed.has('version') && !changed.has('sort')) return;
    const before = this.order[this.active] ?? this.selected;
    this.order = sortedOrder(this.keys(), this.sort.direction);
    this.active = before === undefined ? -1 : this.order.indexOf(before);
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('sort') && changed.get('sort') !== undefined) this.scroller?.scrollTo({ top: 0 });
  }

  private keys(): Float64Array {
    const { stats, catalogue } = this.session;
    const { column } = this.sort;
    if (column === 'name') {
      this.ranks ??= naturalRanks(catalogue.tensors.names);
      return this.ranks;
    }
    const statistic = statistics.find(({ id }) => id === column)!;
    const { count, elements } = catalogue.tensors;
    const keys = new Float64Array(count);
    for (let tensor = 0; tensor < count; tensor++)
      keys[tensor] = statistic.value(stats, tensor, elements[tensor]!);
    return keys;
  }

  private get scroller(): HTMLElement | null {
    return this.querySelector('.outlier-rows');
  }

  private get geometry(): ListGeometry {
    return {
      rowCount: this.order.length,
      rowHeight,
      viewportHeight: Math.max(rowHeight, this.viewportHeight - headerHeight),
    };
  }

  private measure(): void {
    const height = this.scroller?.clientHeight ?? 0;
    if (height === this.viewportHeight) return;
    this.viewportHeight = height;
    this.requestUpdate();
  }

  protected override render() {
    const { first, end, top, contentHeight } = rowWindow(this.scrolled, this.geometry);
    const shown = Array.from(this.order.subarray(first, end));
    return html`<div
      class="outlier-rows"
      role="grid"
      tabindex="0"
      data-testid="outlier-table"
      aria-label="Statistics of every tensor. T goes back to the map."
      aria-rowcount=${this.order.length + 1}
      aria-colcount=${statistics.length + 1}
      aria-activedescendant=${this.active >= first && this.active < end ? `outlier-row-${this.active}` : nothing}
      @scroll=${(event: Event) => {
        this.scrolled = (event.target as HTMLElement).scrollTop;
      }}
      @keydown=${this.onKey}
    >
      <div class="outlier-head" role="row" aria-rowindex="1">
        ${this.header('name', 'Tensor', 'Name of the tensor')}
        ${statistics.map(({ id, label, description }) => this.header(id, shortLabels[id] ?? label, description))}
      </div>
      <div class="outlier-body" role="rowgroup" ${styled({ height: `${contentHeight}px` })}>
        ${shown.map((tensor, at) => this.row(tensor, first + at, top + at * rowHeight))}
      </div>
    </div>`;
  }

  private header(column: OutliersState['sort']['column'], label: string, description: string) {
    const { sort } = this;
    const isSorted = sort.column === column;
    const first: Direction = column === 'name' ? 'ascending' : 'descending';
    const next: Direction = !isSorted ? first : sort.direction === 'ascending' ? 'descending' : 'ascending';
    return html`<div role="columnheader" class=${column === 'name' ? 'cell name' : 'cell number'} aria-sort=${isSorted ? sort.direction : 'none'}>
      <button
        type="button"
        data-sort=${column}
        title=${description}
        @click=${() => {
          this.events.sort({ column, direction: next });
          this.events.announce(`Sorted by ${label}, ${next}.`);
        }}
      >${label}<span class="sort-arrow" aria-hidden="true"></span></button>
    </div>`;
  }

  private row(tensor: number, position: number, top: number) {
    const { stats, catalogue } = this.session;
    const name = catalogue.tensors.names[tensor]!;
    const knowledge = stats.knowledge(tensor);
    const isSelected = tensor === this.selected;
    return html`<div
      role="row"
      id="outlier-row-${position}"
      class="outlier-row${isSelected ? ' selected' : ''}${position === this.active ? ' active' : ''}"
      aria-rowindex=${position + 2}
      aria-selected=${isSelected}
      data-tensor=${name}
      ${styled({ transform: `translateY(${top}px)` })}
      @click=${() => this.choose(position)}
      @dblclick=${() => this.events.view(tensor)}
    >
      <div role="gridcell" class="cell name mono" title=${name}><bdi>${name}</bdi></div>
      ${statistics.map((statistic) => this.cell(statistic, tensor, knowledge))}
    </div>`;
  }

  private cell(statistic: Statistic, tensor: number, knowledge: string) {
    const { stats, catalogue } = this.session;
    const value = statistic.value(stats, tensor, catalogue.tensors.elements[tensor]!);
    const missing = knowledge === 'unknown' ? '' : '–';
    const isMissing = Number.isNaN(value);
    return html`<div
      role="gridcell"
      class="cell number${!isMissing && statistic.isUnusual(value) ? ' unusual' : ''}"
      data-statistic=${statistic.id}
      data-value=${isMissing ? '' : String(value)}
    >${isMissing ? missing : statistic.format(value)}</div>`;
  }

  private choose(position: number): void {
    this.active = position;
    const tensor = this.order[position];
    if (tensor !== undefined) this.events.select(tensor);
  }

  private activate(position: number): void {
    const { scroller } = this;
    if (!scroller || this.order.length === 0) return;
    this.active = Math.max(0, Math.min(this.order.length - 1, position));
    scroller.scrollTop = scrollTopFor(this.active, scroller.scrollTop, this.geometry);
    this.scrolled = scroller.scrollTop;
    this.events.announce(this.describe(this.order[this.active]!));
  }

  private describe(tensor: number): string {
    const { stats, catalogue } = this.session;
    const name = catalogue.tensors.names[tensor]!;
    const knowledge = stats.knowledge(tensor);
    if (knowledge === 'unknown') return `${name}, not analyzed yet`;
    if (knowledge === 'unreadable') return `${name}, cannot be read`;
    const figures = statistics.flatMap((statistic) => {
      const value = statistic.value(stats, tensor, catalogue.tensors.elements[tensor]!);
      return Number.isNaN(value) ? [] : [`${statistic.label} ${statistic.format(value)}`];
    });
    return `${name}, row ${formatInteger(this.active + 1)}: ${figures.join(', ')}`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.target !== this.scroller || event.altKey || event.metaKey || event.ctrlKey) return;
    const page = Math.max(1, Math.floor(this.geometry.viewportHeight / rowHeight) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.order.length - 1,
    };
    const move = moves[event.key];
    const tensor = this.order[this.active];
    if (move !== undefined) this.activate(move);
    else if (event.key === 'Enter' || event.key === ' ') {
      if (tensor === undefined) this.activate(0);
      else if (tensor === this.selected && event.key === 'Enter') this.events.view(tensor);
      else this.choose(this.active);
    } else if (event.key === 'v' && tensor !== undefined) this.events.view(tensor);
    else if (event.key === 't' || event.key === 'Escape') this.events.openMap();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

/** The select has room for the long names, a column's head has not. */
const shortLabels: Partial<Record<StatisticId, string>> = {
  energy: 'Energy',
  crest: 'Crest',
  nonFinite: 'NaN, Inf',
  sigma6: '>6σ',
  channels: 'Channels',
  int8Columns: 'int8() columns',
};

customElements.define('tl-outlier-table', OutlierTable);
