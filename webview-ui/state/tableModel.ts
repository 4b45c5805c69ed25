/** What the tensor table shows: filter, sort and folded groups applied to the catalogue's columns. */
import type { TensorColumns } from '../../src/protocol/engineApi';
import { applyFilter, type FilterResult } from './filterMatch';
import { type FilterQuery, parseFilter } from './filterQuery';
import { buildModuleTree, type ModuleTree } from './moduleTree';
import { naturalRanks, sortedOrder } from './sortOrder';
import type { StatsTable } from './statsTable';
import type { ColumnId, Sort } from './tableColumns';

export interface TableRequest {
  readonly filter: string;
  readonly sort: Sort | undefined;
  readonly grouped: boolean;
  /** Keys of folded groups. */
  readonly folded: ReadonlySet<string>;
}

export interface TableRows {
  /** Tensor indices, or ~group for a group's header. */
  readonly rows: Int32Array;
  readonly query: FilterQuery;
  readonly matches: number;
  /** Groups have headers: only in model order. */
  readonly grouped: boolean;
}

/** Sums over the matching tensors of a group, inner groups included. */
export interface GroupTotals {
  tensors: number;
  parameters: number;
  bytes: number;
  /** Largest of the known ones; NaN when none is. */
  absmax: number;
  kurtosis: number;
  /** Sum of the known ones; NaN when none is. */
  sigma6: number;
}

/** Shape of a tensor: a view into the columns. */
export function shapeOf(columns: TensorColumns, tensor: number): Float64Array {
  const start = tensor === 0 ? 0 : columns.shapeEnd[tensor - 1]!;
  return columns.shapes.subarray(start, columns.shapeEnd[tensor]!);
}

export class TableModel {
  readonly tree: ModuleTree;
  readonly lowerNames: readonly string[];
  private readonly ranks = new Map<'name' | 'dtype' | 'shape', Float64Array>();
  private filtered: { key: string; result: FilterResult; query: FilterQuery } | undefined;
  private totals: { key: string; list: GroupTotals[] } | undefined;

  constructor(
    readonly columns: TensorColumns,
    readonly stats: StatsTable,
  ) {
    this.tree = buildModuleTree(columns.names);
    this.lowerNames = columns.names.map((name) => name.toLowerCase());
  }

  /** Computes what sorting by name needs, ahead of the first click. */
  prepare(): void {
    this.rank('name');
  }

  rows(request: TableRequest): TableRows {
    const { result, query } = this.filter(request.filter);
    const grouped = request.grouped && !request.sort;
    const rows = grouped
      ? this.groupedRows(result.mask, request.folded)
      : this.flatRows(result.mask, request.sort, request.grouped);
    return { rows, query, matches: result.matches, grouped };
  }

  /** Totals of every group for a filter. */
  groupTotals(filter: string): readonly GroupTotals[] {
    const { result } = this.filter(filter);
    const key = `${filter}\n${this.stats.version}`;
    if (this.totals?.key === key) return this.totals.list;
    const list = this.tree.groups.map((): GroupTotals => {
      const none = Number.NaN;
      return { tensors: 0, parameters: 0, bytes: 0, absmax: none, kurtosis: none, sigma6: none };
    });
    const larger = (a: number, b: number) => (Number.isNaN(a) || b > a ? b : a);
    const sum = (a: number, b: number) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : a + b);
    for (let i = 0; i < this.columns.count; i++) {
      const group = this.tree.groupOf[i]!;
      if (group < 0 || result.mask[i] === 0) continue;
      const total = list[group]!;
      total.tensors++;
      total.parameters += this.columns.elements[i]!;
      total.bytes += this.columns.bytes[i]!;
      total.absmax = larger(total.absmax, this.stats.get(i, 'absmax'));
      total.kurtosis = larger(total.kurtosis, this.stats.get(i, 'kurtosis'));
      total.sigma6 = sum(total.sigma6, this.stats.get(i, 'sigma6'));
    }
    // Parents stand before their children, so one backward pass adds everything up.
    for (let g = list.length - 1; g >= 0; g--) {
      const parent = this.tree.groups[g]!.parent;
      if (parent < 0) continue;
      const from = list[g]!;
      const into = list[parent]!;
      into.tensors += from.tensors;
      into.parameters += from.parameters;
      into.bytes += from.bytes;
      into.absmax = larger(into.absmax, from.absmax);
      into.kurtosis = larger(into.kurtosis, from.kurtosis);
      into.sigma6 = sum(into.sigma6, from.sigma6);
    }
    this.totals = { key, list };
    return list;
  }

  private filter(text: string): { result: FilterResult; query: FilterQuery } {
    const parsed = this.filtered?.key.startsWith(`${text}\n`) ? this.filtered.query : parseFilter(text);
    const key = `${text}\n${parsed.needsStatistics ? this.stats.version : ''}`;
    if (this.filtered?.key !== key) {
      const result = applyFilter(parsed, this.columns, this.lowerNames, this.stats);
      this.filtered = { key, result, query: parsed };
    }
    return this.filtered;
  }

  private groupedRows(mask: Uint8Array, folded: ReadonlySet<string>): Int32Array {
    const { order, groups } = this.tree;
    const matchesBefore = new Uint32Array(order.length + 1);
    for (let p = 0; p < order.length; p++) {
      const entry = order[p]!;
      matchesBefore[p + 1] = matchesBefore[p]! + (entry >= 0 ? mask[entry]! : 0);
    }
    const rows = new Int32Array(order.length);
    let count = 0;
    for (let p = 0; p < order.length; p++) {
      const entry = order[p]!;
      if (entry >= 0) {
        if (mask[entry]) rows[count++] = entry;
        continue;
      }
      const group = groups[~entry]!;
      const isEmpty = matchesBefore[group.end] === matchesBefore[group.start];
      if (!isEmpty) rows[count++] = entry;
      if (isEmpty || folded.has(group.key)) p = group.end - 1;
    }
    return rows.subarray(0, count);
  }

  private flatRows(mask: Uint8Array, sort: Sort | undefined, modelOrder: boolean): Int32Array {
    const rows = new Int32Array(this.columns.count);
    let count = 0;
    const take = (tensor: number) => {
      if (mask[tensor]) rows[count++] = tensor;
    };
    if (sort) {
      const order = sortedOrder(this.sortKeys(sort.column), sort.direction);
      for (let i = 0; i < order.length; i++) take(order[i]!);
    } else if (modelOrder) {
      for (const entry of this.tree.order) if (entry >= 0) take(entry);
    } else for (let i = 0; i < this.columns.count; i++) take(i);
    return rows.subarray(0, count);
  }

  private sortKeys(id: ColumnId): Float64Array {
    switch (id) {
      case 'name':
      case 'dtype':
      case 'shape':
        return this.rank(id);
      case 'parameters':
        return this.columns.elements;
      case 'bytes':
      case 'share':
        return this.columns.bytes;
      default:
        return this.stats.column(id);
    }
  }

  private rank(kind: 'name' | 'dtype' | 'shape'): Float64Array {
    let ranks = this.ranks.get(kind);
    if (!ranks) {
      ranks = this.computeRank(kind);
      this.ranks.set(kind, ranks);
    }
    return ranks;
  }

  private computeRank(kind: 'name' | 'dtype' | 'shape'): Float64Array {
    const { columns } = this;
    if (kind === 'name') return naturalRanks(columns.names);
    if (kind === 'dtype') {
      const ranks = naturalRanks(columns.dtypes);
      return Float64Array.from(columns.dtype, (dtype) => ranks[dtype]!);
    }
    // A checkpoint has few distinct shapes: rank those by their sizes, outermost first.
    const distinct = new Map<string, { shape: Float64Array; rank: number }>();
    const keys: string[] = [];
    for (let i = 0; i < columns.count; i++) {
      const shape = shapeOf(columns, i);
      const key = shape.join();
      keys.push(key);
      if (!distinct.has(key)) distinct.set(key, { shape, rank: 0 });
    }
    const compare = (a: Float64Array, b: Float64Array) => {
      for (let d = 0; d < Math.max(a.length, b.length); d++) {
        const difference = (a[d] ?? -1) - (b[d] ?? -1);
        if (difference !== 0) return difference;
      }
      return 0;
    };
    [...distinct.values()]
      .sort((a, b) => compare(a.shape, b.shape))
      .forEach((entry, rank) => {
        entry.rank = rank;
      });
    return Float64Array.from(keys, (key) => distinct.get(key)!.rank);
  }
}
