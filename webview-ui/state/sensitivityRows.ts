/** The rows of the sensitivity map: layers down, in each its kinds of modules; experts fold into one row. Pure. */
import type { ModuleMap } from './moduleMap';

export interface SensitivityRow {
  /** Tells it from all other rows. */
  readonly key: string;
  /** "model.layers.3"; what lies outside of layers has the group's name. */
  readonly layer: string;
  /** Key of the layer, the same for all of its rows. */
  readonly layerKey: string;
  /** Key of the kind of module, the same in all layers of a stack. */
  readonly kindKey: string;
  /** "q", "down", "expert 3". */
  readonly label: string;
  readonly depth: 0 | 1;
  /** Indices into the catalogue, at least one. */
  readonly tensors: readonly number[];
  /** One row a tensor, where there are several. */
  readonly children: readonly SensitivityRow[];
}

/** Every tensor of a model is in one row of depth 0. */
export function sensitivityRows({ kind, groups }: ModuleMap, names: readonly string[]): SensitivityRow[] {
  const rows: SensitivityRow[] = [];
  for (const group of groups) {
    const isStack = kind === 'layers' && group.rows.some(({ key }) => key.startsWith(`${group.key}.`));
    for (const layer of group.rows) {
      const layerKey = isStack ? layer.key : group.key;
      for (const [at, column] of group.columns.entries()) {
        const tensors = layer.cells[at];
        if (!tensors) continue;
        const kindKey = isStack ? `${group.key} ${column.key}` : `${layer.key} ${column.key}`;
        const key = `${layer.key} ${column.key}`;
        const label = isStack
          ? column.label
          : column.key === 'weight'
            ? layer.label
            : `${layer.label} ${column.label}`;
        const own = { layer: isStack ? `${group.label}.${layer.label}` : group.label, layerKey, kindKey };
        const children =
          tensors.length === 1
            ? []
            : tensors.map((tensor): SensitivityRow => {
                const expert = /experts?\.(\d+)\./.exec(names[tensor]!)?.[1];
                const label = expert === undefined ? names[tensor]! : `expert ${expert}`;
                const childKey = `${key} ${tensor}`;
                return { key: childKey, ...own, label, depth: 1, tensors: [tensor], children: [] };
              });
        rows.push({ key, ...own, label, depth: 0, tensors, children });
      }
    }
  }
  return rows;
}

/** The rows on show: those that `isShown`, with the children of the open ones. */
export function shownRows(
  rows: readonly SensitivityRow[],
  open: ReadonlySet<string>,
  isShown: (row: SensitivityRow) => boolean,
): SensitivityRow[] {
  const shown: SensitivityRow[] = [];
  for (const row of rows) {
    if (!isShown(row)) continue;
    shown.push(row);
    if (open.has(row.key)) for (const child of row.children) shown.push(child);
  }
  return shown;
}
