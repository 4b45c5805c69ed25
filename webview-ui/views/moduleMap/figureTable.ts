/** A table of tensors with a figure a column: sorted by any of them, one row chosen. */
import type { PropertyDeclarations, PropertyValues } from 'lit';
import { sortedOrder } from '../../state/sortOrder';
import { type GridRow, GridTable, type GridTableEvents } from './gridTable';

export interface FigureTableEvents<Column extends string> extends GridTableEvents<Column> {
  select(index: number): void;
  /** Enter on the selected row, or a double click. */
  view(index: number): void;
}

export abstract class FigureTable<Column extends string> extends GridTable<
  Column,
  FigureTableEvents<Column | 'name'>
> {
  static override properties: PropertyDeclarations = { selected: { attribute: false } };
  declare selected: number | undefined;
  protected override readonly headerHeight: number = 26;

  /** Properties whose change orders the rows anew. */
  protected abstract readonly orderedBy: readonly string[];
  /** What the column that sorts is sorted by, for each tensor. */
  protected abstract keys(): Float64Array;

  protected override willUpdate(changed: PropertyValues): void {
    if (!this.orderedBy.some((property) => changed.has(property))) return;
    const before = this.order[this.active] ?? this.selected;
    this.order = sortedOrder(this.keys(), this.sort.direction);
    this.active = before === undefined ? -1 : this.order.indexOf(before);
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('sort') && changed.get('sort') !== undefined) this.scroller?.scrollTo({ top: 0 });
  }

  /** What is the same in every row: a click chooses it, a second one opens the viewer. */
  protected choosing(index: number, position: number): Omit<GridRow, 'name' | 'cells'> {
    return {
      isSelected: index === this.selected,
      onClick: () => this.choose(position),
      onDoubleClick: () => this.events.view(index),
    };
  }

  private choose(position: number): void {
    this.active = position;
    const index = this.order[position];
    if (index !== undefined) this.events.select(index);
  }

  protected override enter(index: number | undefined, key: string): void {
    if (index === undefined) this.activate(0);
    else if (index === this.selected && key === 'Enter') this.events.view(index);
    else this.choose(this.active);
  }
}
