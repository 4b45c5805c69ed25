/**
 * The map of a model: layers down and kinds of modules across, from names alone. Each stack of layers (encoder,
 * decoder, vision tower ...) is a group with its own columns. Names that show no layers give a folded tree of modules with
 * the parameters across.
 */

import type { MapColumn, MapGroup, MapRow, ModuleMap } from './mapRows';
import { sections } from './moduleKinds';
import { type ModulePlace, modulePlaces } from './modulePlace';
import { moduleTreeGroup } from './moduleTreeRows';

export type { MapColumn, MapGroup, MapRow, ModuleMap } from './mapRows';
export { openRows } from './mapRows';

interface PlacedTensor {
  readonly tensor: number;
  readonly place: ModulePlace;
}

/** Below these shares of a model's tensors its names are no layers, or no kinds that we know. */
const leastInLayers = 0.5;
const leastRecognised = 0.4;

/** Builds the map; linear in the names' length but for sorting rows and columns. */
export function buildModuleMap(names: readonly string[]): ModuleMap {
  const places = modulePlaces(names).map((place, tensor): PlacedTensor => ({ tensor, place }));
  const stacks = new Map<string, PlacedTensor[]>();
  const outside: PlacedTensor[] = [];
  for (const placed of places) {
    if (placed.place.layer === '') outside.push(placed);
    else push(stacks, placed.place.stack, placed);
  }
  if (!isLayered(places, stacks)) {
    return { kind: 'modules', groups: names.length === 0 ? [] : [moduleTreeGroup(names)] };
  }
  const groups = [...stacks].map(([stack, members]) => stackGroup(stack, members));
  const embeddings = outside.filter(({ place }) => place.section === 'embedding');
  const others = outside.filter(({ place }) => place.section !== 'embedding');
  if (embeddings.length > 0) groups.unshift(outsideGroup('Embeddings', embeddings));
  if (others.length > 0) groups.push(outsideGroup('Outside of layers', others));
  return { kind: 'layers', groups };
}

function isLayered(places: readonly PlacedTensor[], stacks: ReadonlyMap<string, PlacedTensor[]>): boolean {
  const inLayers = places.filter(({ place }) => place.layer !== '');
  if (inLayers.length === 0 || inLayers.length < leastInLayers * places.length) return false;
  const known = inLayers.filter(({ place }) => place.section !== 'other' && !isUnknownBias(place));
  if (known.length < leastRecognised * inLayers.length) return false;
  return [...stacks.values()].some((members) => new Set(members.map(({ place }) => place.layer)).size > 1);
}

/** A bias counts as known when its module is. */
const isUnknownBias = ({ section, rank }: ModulePlace) => section === 'bias' && rank >= 2000;

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

const natural = new Intl.Collator('en', { numeric: true });

function stackGroup(stack: string, members: readonly PlacedTensor[]): MapGroup {
  const columns = columnsOf(members);
  const columnAt = new Map(columns.map(({ key }, at) => [key, at]));
  const layers = new Map<string, PlacedTensor[]>();
  for (const member of members) push(layers, member.place.layer, member);
  const rows = [...layers]
    .sort(([one], [other]) => natural.compare(one, other))
    .map(([layer, tensors]): MapRow => {
      const key = `${stack}.${layer}`;
      return {
        key,
        label: layer,
        depth: 0,
        cells: cellsOf(tensors, columnAt),
        children: expertRows(key, tensors, columnAt),
      };
    });
  return { key: stack, label: stack, columns, rows };
}

function columnsOf(members: readonly PlacedTensor[]): MapColumn[] {
  const found = new Map<string, { place: ModulePlace; first: number }>();
  for (const { place } of members) {
    if (!found.has(place.column)) found.set(place.column, { place, first: found.size });
  }
  const sorted = [...found.values()].sort(
    (one, other) =>
      sections.indexOf(one.place.section) - sections.indexOf(other.place.section) ||
      one.place.rank - other.place.rank ||
      one.first - other.first,
  );
  const labels = new Map<string, number>();
  for (const { place } of sorted) labels.set(place.label, (labels.get(place.label) ?? 0) + 1);
  return sorted.map(({ place }) => ({
    key: place.column,
    // Two unknown modules of the same last name are told by their whole paths.
    label: labels.get(place.label) === 1 ? place.label : wholeLabel(place),
    section: place.section,
  }));
}

function wholeLabel({ module, parameter }: ModulePlace): string {
  return parameter === 'weight' ? module || parameter : [module, parameter].filter(Boolean).join('.');
}

function cellsOf(
  tensors: readonly PlacedTensor[],
  columnAt: ReadonlyMap<string, number>,
): (number[] | undefined)[] {
  const cells = new Array<number[] | undefined>(columnAt.size).fill(undefined);
  for (const { tensor, place } of tensors) {
    const column = columnAt.get(place.column)!;
    const cell = cells[column];
    if (cell) cell.push(tensor);
    else cells[column] = [tensor];
  }
  return cells;
}

/** One row an expert, in the columns of the layer. */
function expertRows(
  layerKey: string,
  tensors: readonly PlacedTensor[],
  columnAt: ReadonlyMap<string, number>,
): MapRow[] {
  const experts = new Map<number, PlacedTensor[]>();
  for (const placed of tensors) {
    const { expert } = placed.place;
    if (expert < 0) continue;
    const list = experts.get(expert);
    if (list) list.push(placed);
    else experts.set(expert, [placed]);
  }
  return [...experts]
    .sort(([one], [other]) => one - other)
    .map(([expert, members]) => ({
      key: `${layerKey}.expert ${expert}`,
      label: `expert ${expert}`,
      depth: 1,
      cells: cellsOf(members, columnAt),
      children: [],
    }));
}

/** What lies outside of layers: one row a module, one column a parameter. */
function outsideGroup(label: string, members: readonly PlacedTensor[]): MapGroup {
  const columns = [...new Set(members.map(({ place }) => place.column))]
    .sort((one, other) => Number(other === 'weight') - Number(one === 'weight'))
    .map((key): MapColumn => ({ key, label: key, section: '' }));
  const columnAt = new Map(columns.map(({ key }, at) => [key, at]));
  const modules = new Map<string, PlacedTensor[]>();
  for (const member of members) push(modules, member.place.module, member);
  const rank = ([, [first]]: readonly [string, PlacedTensor[]]) =>
    ['embedding', 'other', 'norm', 'head'].indexOf(first!.place.section);
  const rows = [...modules]
    .sort((one, other) => rank(one) - rank(other))
    .map(
      ([module, tensors]): MapRow => ({
        key: `${label}:${module}`,
        label: module,
        depth: 0,
        cells: cellsOf(tensors, columnAt),
        children: [],
      }),
    );
  return { key: label, label, columns, rows };
}
