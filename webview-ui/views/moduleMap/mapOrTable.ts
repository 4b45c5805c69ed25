/** A tab that shows figures of tensors as a map or as a table: which of the two, the open rows, and what both tell it. */
import { html, type TemplateResult } from 'lit';
import type { MapRow } from '../../state/moduleMap';
import type { PageContext } from '../pageContext';
import type { MapEvents } from './figureMap';
import type { FigureTableEvents } from './figureTable';
import type { GridSort } from './gridTable';
import { focusOnceShown, OpenKeys, toggled, toggledWords } from './mapTab';

/** What the page keeps of it. */
export interface MapOrTableState<Column extends string> {
  readonly view: 'map' | 'table';
  /** Keys of the rows that show what is in them. */
  readonly open: readonly string[];
  readonly sort: GridSort<Column>;
}

export interface MapOrTableTab<Column extends string> {
  state(): MapOrTableState<Column>;
  patch(change: Partial<MapOrTableState<Column>>): void;
  /** Names of the elements. */
  readonly elements: { readonly map: string; readonly table: string };
  /** The keys of each, shown while the pointer is over nothing. */
  readonly hints: { readonly map: string; readonly table: string };
  select(index: number): void;
  /** Opens the tensor viewer. */
  view(index: number): void;
}

export class MapOrTable<Column extends string> {
  private pointed = '';
  private readonly openKeys = new OpenKeys();

  constructor(
    private readonly page: PageContext,
    private readonly tab: MapOrTableTab<Column>,
  ) {}

  /** The same set as long as no row is opened or closed. */
  get open(): ReadonlySet<string> {
    return this.openKeys.of(this.tab.state().open);
  }

  /** What the pointer is over. */
  line(): TemplateResult {
    const hint = this.tab.hints[this.tab.state().view];
    return html`<p class="map-pointed small" aria-hidden="true" data-testid="map-pointed">${this.pointed || hint}</p>`;
  }

  /** Shows the map or the table, and goes there with the focus. */
  private show(view: MapOrTableState<Column>['view']): void {
    this.pointed = '';
    this.tab.patch({ view });
    focusOnceShown(this.tab.elements[view]);
  }

  private toggle(row: MapRow): void {
    const { open } = this.tab.state();
    this.tab.patch({ open: toggled(open, row.key) });
    this.page.announce(toggledWords(row, open.includes(row.key)));
  }

  readonly mapEvents: MapEvents = {
    select: (index) => this.tab.select(index),
    view: (index) => this.tab.view(index),
    toggle: (row) => this.toggle(row),
    openTable: () => this.show('table'),
    announce: (text) => this.page.announce(text),
    point: (text) => {
      this.pointed = text;
      this.page.requestRender();
    },
  };

  readonly tableEvents: FigureTableEvents<Column> = {
    select: (index) => this.tab.select(index),
    view: (index) => this.tab.view(index),
    sort: (sort) => this.tab.patch({ sort }),
    openMap: () => this.show('map'),
    announce: (text) => this.page.announce(text),
  };
}
