/**
 * Groups tensors by module from nothing but their names: every all-digit segment ends a group
 * ("model.layers.0", inside it "mlp.experts.3"), and a module of three or more tensors outside any of
 * those is a group too. Groups of a single tensor are dissolved.
 */

export interface ModuleGroup {
  /** The whole prefix, e.g. "model.layers.0". */
  readonly key: string;
  /** Index of the enclosing group, or -1. */
  readonly parent: number;
  /** 0 at the top. */
  readonly depth: number;
  /** Tensors in it and in its inner groups. */
  readonly tensorCount: number;
  /** Where its header stands in `order`, and the position after its last member. */
  readonly start: number;
  readonly end: number;
}

export interface ModuleTree {
  /** Parents before children, in model order. */
  readonly groups: readonly ModuleGroup[];
  /** Group of each tensor, or -1. */
  readonly groupOf: Int32Array;
  /** Model order: a tensor's index, or ~group for a group's header. */
  readonly order: Int32Array;
}

const isSeparator = (code: number) => code === 46 /* . */ || code === 47; /* / */

/** Ends (exclusive) of the prefixes of a name whose last segment is all digits; the last segment never counts. */
function numericPrefixEnds(name: string, into: number[]): void {
  into.length = 0;
  let digits = 0;
  let start = 0;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (isSeparator(code)) {
      if (digits > 0 && digits === i - start) into.push(i);
      start = i + 1;
      digits = 0;
    } else if (code >= 48 && code <= 57) digits++;
  }
}

function lastSeparator(name: string): number {
  for (let i = name.length - 1; i > 0; i--) if (isSeparator(name.charCodeAt(i))) return i;
  return -1;
}

/** Embeddings come first and heads last in a model; names alone decide, and only at the top level. */
function topLevelRank(name: string): number {
  if (/embed|embd|wte|wpe/i.test(name) && !/\d/.test(name)) return 0;
  if (/^(lm_head|head|output|classifier|score)(\.|$)/.test(name)) return 3;
  if (/(^|\.)(final_|ln_f|norm|output_norm)[^.]*(\.(weight|bias))?$/.test(name) && !/\d/.test(name)) return 2;
  return 1;
}

interface Draft {
  key: string;
  parent: number;
  total: number;
  first: number;
  dissolved: boolean;
}

const minimumModuleTensors = 3;
const maximumDepth = 8;

/** Builds the tree; linear in the total length of the names, apart from sorting siblings. */
export function buildModuleTree(names: readonly string[]): ModuleTree {
  const drafts: Draft[] = [];
  const byKey = new Map<string, number>();
  const groupOf = new Int32Array(names.length).fill(-1);
  const add = (key: string, parent: number, first: number): number => {
    const known = byKey.get(key);
    if (known !== undefined) return known;
    drafts.push({ key, parent, total: 0, first, dissolved: false });
    byKey.set(key, drafts.length - 1);
    return drafts.length - 1;
  };

  const ends: number[] = [];
  const modules = new Map<string, number>();
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    numericPrefixEnds(name, ends);
    let parent = -1;
    for (let e = 0; e < ends.length && e < maximumDepth; e++)
      parent = add(name.slice(0, ends[e]!), parent, i);
    groupOf[i] = parent;
    if (parent < 0) {
      const cut = lastSeparator(name);
      if (cut > 0) modules.set(name.slice(0, cut), (modules.get(name.slice(0, cut)) ?? 0) + 1);
    }
  }
  for (let i = 0; i < names.length; i++) {
    if (groupOf[i]! >= 0) continue;
    const cut = lastSeparator(names[i]!);
    if (cut <= 0) continue;
    const key = names[i]!.slice(0, cut);
    const count = modules.get(key)!;
    if (count >= minimumModuleTensors && count < names.length) groupOf[i] = add(key, -1, i);
  }

  for (let i = 0; i < names.length; i++) {
    for (let g = groupOf[i]!; g >= 0; g = drafts[g]!.parent) {
      drafts[g]!.total++;
    }
  }
  for (const draft of drafts) draft.dissolved = draft.total < 2;
  const standing = (group: number): number => {
    let g = group;
    while (g >= 0 && drafts[g]!.dissolved) g = drafts[g]!.parent;
    return g;
  };
  for (let i = 0; i < names.length; i++) groupOf[i] = standing(groupOf[i]!);
  for (const draft of drafts) draft.parent = standing(draft.parent);

  return layOut(names, drafts, groupOf);
}

interface Item {
  /** A tensor's index or ~draft. */
  readonly entry: number;
  readonly rank: number;
  readonly first: number;
  readonly number: number;
}

/** Sorts siblings into model order and numbers the groups by it. */
function layOut(names: readonly string[], drafts: readonly Draft[], draftOf: Int32Array): ModuleTree {
  const children: Item[][] = drafts.map(() => []);
  const top: Item[] = [];
  const firstOfStem = new Map<string, number>();
  const stemOf = (key: string) => key.slice(0, lastSeparator(key) + 1);
  for (const draft of drafts) {
    const stem = stemOf(draft.key);
    firstOfStem.set(stem, Math.min(firstOfStem.get(stem) ?? draft.first, draft.first));
  }
  for (let g = 0; g < drafts.length; g++) {
    const draft = drafts[g]!;
    if (draft.dissolved) continue;
    const stem = stemOf(draft.key);
    const number = Number(draft.key.slice(stem.length));
    const isNumbered = Number.isFinite(number);
    (draft.parent < 0 ? top : children[draft.parent]!).push({
      entry: ~g,
      rank: draft.parent < 0 ? topLevelRank(draft.key) : 0,
      first: isNumbered ? firstOfStem.get(stem)! : draft.first,
      number: isNumbered ? number : 0,
    });
  }
  for (let i = 0; i < names.length; i++) {
    const g = draftOf[i]!;
    (g < 0 ? top : children[g]!).push({
      entry: i,
      rank: g < 0 ? topLevelRank(names[i]!) : 0,
      first: i,
      number: 0,
    });
  }
  const compare = (a: Item, b: Item) => a.rank - b.rank || a.first - b.first || a.number - b.number;
  top.sort(compare);
  for (const list of children) list.sort(compare);

  const groups: ModuleGroup[] = [];
  const groupOf = new Int32Array(names.length).fill(-1);
  const standingCount = drafts.reduce((sum, draft) => sum + (draft.dissolved ? 0 : 1), 0);
  const order = new Int32Array(names.length + standingCount);
  let position = 0;
  const place = (items: readonly Item[], parent: number, depth: number): void => {
    for (const item of items) {
      if (item.entry >= 0) {
        groupOf[item.entry] = parent;
        order[position++] = item.entry;
        continue;
      }
      const draft = drafts[~item.entry]!;
      const index = groups.length;
      const group = { key: draft.key, parent, depth, tensorCount: draft.total, start: position, end: 0 };
      groups.push(group);
      order[position++] = ~index;
      place(children[~item.entry]!, index, depth + 1);
      group.end = position;
    }
  };
  place(top, -1, 0);
  return { groups, groupOf, order };
}

/** A group's own part of its key: what is left when the parent's key and the separator go. */
export function groupLabel(tree: ModuleTree, group: number): string {
  const { key, parent } = tree.groups[group]!;
  return parent < 0 ? key : key.slice(tree.groups[parent]!.key.length + 1);
}

/** A tensor's name without its group's key. */
export function tensorLabel(tree: ModuleTree, names: readonly string[], tensor: number): string {
  const group = tree.groupOf[tensor]!;
  const name = names[tensor]!;
  return group < 0 ? name : name.slice(tree.groups[group]!.key.length + 1);
}
