/**
 * Where a tensor has its place in the map: layers down, module kinds across, told from names alone.
 * Knows no model family; the first number in a name is the layer, as in `model.layers.0.self_attn.q_proj.weight`,
 * `blk.0.attn_q.weight`, `h.0.attn.c_attn.weight` and `encoder.layer.0.output.dense.weight`.
 */

export interface MapColumn {
  /** Path of the module below its layer. */
  readonly module: string;
  /** Shortest name that tells it from the other columns. */
  readonly label: string;
}

export interface MapRow {
  readonly label: string;
  /** One per column: index into the names given, or null where the layer has no such tensor. */
  readonly cells: readonly (number | null)[];
}

export interface MapGroup {
  /** `model.layers`, or empty for what lies outside of layers. */
  readonly label: string;
  readonly columns: readonly MapColumn[];
  readonly rows: readonly MapRow[];
}

interface Place {
  /** What stands before the layer's number; null: outside of layers. */
  readonly stack: string | null;
  /** Layer, then the expert's or sub-block's number. */
  readonly indices: readonly number[];
  readonly module: string;
}

/** Takes a name apart. A trailing `.weight` says nothing and is dropped; `.bias` and others stay. */
export function placeOf(name: string): Place {
  const parts = name.split('.');
  if (parts.length > 1 && parts.at(-1) === 'weight') parts.pop();
  const isNumber = (part: string) => /^\d{1,9}$/.test(part);
  const first = parts.findIndex(isNumber);
  if (first < 0) return { stack: null, indices: [], module: parts.join('.') };
  const rest = parts.slice(first + 1);
  const inner = rest.findIndex(isNumber);
  const indices = [Number(parts[first])];
  if (inner >= 0) {
    indices.push(Number(rest[inner]));
    rest.splice(inner, 1);
  }
  return { stack: parts.slice(0, first).join('.'), indices, module: rest.join('.') };
}

/** Usual order within a transformer's layer; other modules follow in the order of the file. */
const usualOrder = [
  ...['qkv', 'q', 'k', 'v', 'o', 'gate', 'up', 'down'],
  ...['c_attn', 'attn.c_proj', 'c_fc', 'mlp.c_proj'],
  ...['query', 'key', 'value', 'attention.output', 'intermediate', 'output'],
];

/** `q_proj` and `attn_q` are both `q`; words that only say "a linear layer" are left out. */
function plain(part: string): string {
  const shorter = part.replace(/_proj$/, '').replace(/^(attn|ffn|self_attn)_(?=.)/, '');
  return shorter === 'output' && part === 'attn_output' ? 'o' : shorter;
}

/** For each module path the shortest ending that no other path shares. */
export function shortLabels(modules: readonly string[]): string[] {
  const paths = modules.map((module) => {
    const parts = module === '' ? ['weight'] : module.split('.');
    // `output.dense` is told by its parent; `dense` alone would be said of every column.
    const useful = parts.length > 1 && parts.at(-1) === 'dense' ? parts.slice(0, -1) : parts;
    return useful;
  });
  const ending = (path: readonly string[], length: number) => {
    const parts = path.slice(-length);
    return [...parts.slice(0, -1), plain(parts.at(-1)!)].join('.');
  };
  return paths.map((path, index) => {
    for (let length = 1; length <= path.length; length++) {
      const label = ending(path, length);
      if (paths.every((other, at) => at === index || ending(other, length) !== label)) return label;
    }
    // One path ends another (`b` and `a.b`): whole paths tell them apart.
    const whole = ending(path, path.length);
    const shared = paths.some((other, at) => at !== index && ending(other, other.length) === whole);
    return shared ? modules[index]! : whole;
  });
}

function compareIndices(one: readonly number[], other: readonly number[]): number {
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    const difference = (one[i] ?? -1) - (other[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Lays out names. Stacks of layers come in the order of the file, then whatever lies outside of layers,
 * one row each with a single column.
 */
export function layoutMap(names: readonly string[]): MapGroup[] {
  const stacks = new Map<string, { place: Place; index: number }[]>();
  const outside: MapRow[] = [];
  for (const [index, name] of names.entries()) {
    const place = placeOf(name);
    if (place.stack === null) {
      outside.push({ label: place.module, cells: [index] });
      continue;
    }
    const members = stacks.get(place.stack);
    if (members) members.push({ place, index });
    else stacks.set(place.stack, [{ place, index }]);
  }
  const groups: MapGroup[] = [];
  for (const [label, members] of stacks) groups.push(layoutStack(label, members));
  if (outside.length > 0) groups.push({ label: '', columns: [{ module: '', label: '' }], rows: outside });
  return groups;
}

function layoutStack(label: string, members: readonly { place: Place; index: number }[]): MapGroup {
  const modules = [...new Set(members.map(({ place }) => place.module))];
  const labels = shortLabels(modules);
  const rank = (column: MapColumn) => {
    const found = usualOrder.indexOf(column.label);
    return found < 0 ? usualOrder.length : found;
  };
  const columns = modules.map((module, at) => ({ module, label: labels[at]! }));
  columns.sort((one, other) => rank(one) - rank(other));
  const columnAt = new Map(columns.map(({ module }, at) => [module, at]));

  const rows = new Map<string, { indices: readonly number[]; cells: (number | null)[] }>();
  for (const { place, index } of members) {
    const column = columnAt.get(place.module)!;
    let key = place.indices.join('.');
    // `b.7.weight` and `b.7` name one place; the second gets a row of its own.
    while (rows.get(key)?.cells[column] != null) key += "'";
    let row = rows.get(key);
    if (!row) {
      row = { indices: place.indices, cells: new Array(columns.length).fill(null) };
      rows.set(key, row);
    }
    row.cells[column] = index;
  }
  return {
    label,
    columns,
    rows: [...rows.values()]
      .sort((one, other) => compareIndices(one.indices, other.indices))
      .map(({ indices, cells }) => ({ label: indices.join('.'), cells })),
  };
}
