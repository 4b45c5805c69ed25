/** What the map of a model is made of: groups with columns and rows, rows that open to more rows. */
import type { Section } from './moduleKinds';

export interface MapColumn {
  /** Tells it from the other columns of its group. */
  readonly key: string;
  readonly label: string;
  readonly section: Section | '';
}

export interface MapRow {
  /** Tells it from all other rows of the map. */
  readonly key: string;
  readonly label: string;
  /** 0 for a layer, 1 for one of its experts, more in a tree of modules. */
  readonly depth: number;
  /** One a column: the tensors of the cell, ascending; undefined where the model has none. */
  readonly cells: readonly (readonly number[] | undefined)[];
  /** Rows that it opens to: its experts, or inner modules. */
  readonly children: readonly MapRow[];
}

export interface MapGroup {
  readonly key: string;
  /** "model.layers"; in words for what lies outside of layers. */
  readonly label: string;
  readonly columns: readonly MapColumn[];
  readonly rows: readonly MapRow[];
}

export interface ModuleMap {
  readonly kind: 'layers' | 'modules';
  readonly groups: readonly MapGroup[];
}

/** The rows that are on show: those whose parents are all open. */
export function openRows(rows: readonly MapRow[], open: ReadonlySet<string>): readonly MapRow[] {
  const shown: MapRow[] = [];
  const add = (list: readonly MapRow[]): void => {
    for (const row of list) {
      shown.push(row);
      if (row.children.length > 0 && open.has(row.key)) add(row.children);
    }
  };
  add(rows);
  return shown;
}
