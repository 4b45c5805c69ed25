/** Modules as a tree of rows with parameters across, for names that show no layers. */
import type { MapColumn, MapGroup, MapRow } from './mapRows';

/** More parameter names than this share the last column. */
const mostColumns = 12;
/** Deeper modules are rows of their parent at this depth: a name may hold thousands of dots. */
const mostDepth = 12;

interface Node {
  readonly key: string;
  readonly label: string;
  readonly children: Map<string, Node>;
  /** Tensors of this very module. */
  readonly own: number[];
}

/** The one group of such a map. Linear in the names' length, but for sorting the columns. */
export function moduleTreeGroup(names: readonly string[]): MapGroup {
  const root: Node = { key: '', label: '', children: new Map(), own: [] };
  const leaves = new Map<string, number>();
  const leafOf: string[] = [];
  for (const [tensor, name] of names.entries()) {
    const segments = name.split(/[./]/);
    const leaf = segments.pop()!;
    leafOf.push(leaf);
    leaves.set(leaf, (leaves.get(leaf) ?? 0) + 1);
    let node = root;
    const path =
      segments.length > mostDepth
        ? [...segments.slice(0, mostDepth - 1), segments.slice(mostDepth - 1).join('.')]
        : segments;
    for (const segment of path) {
      let child = node.children.get(segment);
      if (!child) {
        const key = node.key === '' ? segment : `${node.key}.${segment}`;
        child = { key, label: segment, children: new Map(), own: [] };
        node.children.set(segment, child);
      }
      node = child;
    }
    node.own.push(tensor);
  }
  const named = [...leaves].sort((one, other) => other[1] - one[1]).map(([leaf]) => leaf);
  // Names such as onnx::MatMul_17 are all different: they share one column, and each has a row.
  const isFlat = named.length > mostColumns && leaves.size > names.length / 2;
  const shown = isFlat ? [] : named.slice(0, named.length > mostColumns ? mostColumns - 1 : mostColumns);
  const columns: MapColumn[] = shown.map((leaf) => ({ key: leaf, label: leaf, section: '' }));
  if (isFlat || shown.length < named.length) {
    columns.push({ key: '', label: isFlat ? 'values' : 'others', section: '' });
  }
  const columnAt = new Map(shown.map((leaf, at) => [leaf, at]));
  const columnOf = (tensor: number) => columnAt.get(leafOf[tensor]!) ?? columns.length - 1;
  let rows = rowsOf(root, 0, { names, columnOf, columns: columns.length, isFlat });
  // One row that holds everything says nothing.
  while (rows.length === 1 && rows[0]!.children.length > 0) rows = lifted(rows[0]!);
  return { key: 'modules', label: 'Modules', columns, rows };
}

/** The children of a row in its place. */
function lifted({ label: parent, children }: MapRow): MapRow[] {
  const up = (row: MapRow): MapRow => ({ ...row, depth: row.depth - 1, children: row.children.map(up) });
  return children.map((row) => ({
    ...up(row),
    label: row.label.startsWith('(') ? parent : `${parent}.${row.label}`,
  }));
}

interface Layout {
  readonly names: readonly string[];
  readonly columnOf: (tensor: number) => number;
  readonly columns: number;
  readonly isFlat: boolean;
}

function rowsOf(node: Node, depth: number, layout: Layout): MapRow[] {
  const rows: MapRow[] = [];
  const leaf = (key: string, label: string, tensors: readonly number[]): MapRow => ({
    key,
    label,
    depth,
    cells: cells(tensors, layout),
    children: [],
  });
  if (layout.isFlat) {
    for (const tensor of node.own)
      rows.push(
        leaf(`tensor ${tensor}`, layout.names[tensor]!.slice(node.key.length ? node.key.length + 1 : 0), [
          tensor,
        ]),
      );
  } else if (node.own.length > 0 && (depth > 0 || node.children.size > 0 || node.key === '')) {
    rows.push(leaf(`own ${node.key}`, node.key === '' ? '(top)' : '(itself)', node.own));
  }
  for (let child of node.children.values()) {
    let label = child.label;
    // A chain of modules that hold one module each is one row.
    while (child.own.length === 0 && child.children.size === 1) {
      child = [...child.children.values()][0]!;
      label = `${label}.${child.label}`;
    }
    if (child.children.size === 0 && !layout.isFlat) rows.push(leaf(child.key, label, child.own));
    else {
      const children = rowsOf(child, depth + 1, layout);
      rows.push({ key: child.key, label, depth, cells: joined(children, layout.columns), children });
    }
  }
  return rows;
}

function cells(tensors: readonly number[], { columnOf, columns }: Layout): (number[] | undefined)[] {
  const result = new Array<number[] | undefined>(columns).fill(undefined);
  for (const tensor of tensors) {
    const column = columnOf(tensor);
    const cell = result[column];
    if (cell) cell.push(tensor);
    else result[column] = [tensor];
  }
  return result;
}

/** The cells of a module: all that lies in it. */
function joined(rows: readonly MapRow[], columns: number): (number[] | undefined)[] {
  const result = new Array<number[] | undefined>(columns).fill(undefined);
  for (let column = 0; column < columns; column++) {
    const tensors = rows.flatMap((row) => row.cells[column] ?? []);
    if (tensors.length > 0) result[column] = tensors;
  }
  return result;
}
