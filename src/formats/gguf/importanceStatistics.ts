/**
 * Statistics of an importance matrix, as llama-imatrix --show-statistics gives them (llama.cpp, tools/imatrix/imatrix.cpp:
 * `compute_statistics`, `compute_cossim` and `show_statistics`): of mean squares of a weight's inputs, one a column.
 */
import type { ImportanceMatrix } from './importanceMatrix';
import type { ImportanceStatistics, LayerImportance, WeightImportance } from './importanceTypes';

/** Mean squares up to here count as none. */
const activeAbove = 1e-5;

export function importanceStatistics(matrix: ImportanceMatrix): ImportanceStatistics {
  const weights: WeightImportance[] = [];
  const unseen: string[] = [];
  for (const name of matrix.entries.keys()) {
    const own = weightImportance(matrix, name);
    if (own) weights.push(own);
    else unseen.push(name);
  }
  const { isLegacy, datasets, chunks } = matrix;
  return { isLegacy, datasets, chunks, weights, unseen, layers: layersOf(weights) };
}

/** Undefined when no input was ever seen. */
function weightImportance(matrix: ImportanceMatrix, name: string): WeightImportance | undefined {
  const means = matrix.entries.get(name)!;
  const counts = matrix.counts.get(name)!;
  const columns = Math.floor(means.length / counts.length);
  const asked = [...counts.keys()].filter((expert) => counts[expert]! > 0);
  if (asked.length === 0 || columns === 0) return undefined;
  let [total, squares, min, max, inactive] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  const each = (take: (value: number) => void) => {
    for (const expert of asked)
      for (let at = expert * columns; at < (expert + 1) * columns; at++) take(means[at]!);
  };
  each((value) => {
    total += value;
    squares += value * value;
    min = Math.min(min, value);
    max = Math.max(max, value);
    if (Math.abs(value) <= activeAbove) inactive++;
  });
  const elements = asked.length * columns;
  const mean = total / elements;
  const deviation = Math.sqrt(Math.max(0, squares / elements - mean * mean));
  let [entropy, above] = [0, 0];
  each((value) => {
    const share = total > 0 ? value / total : 0;
    if (share > 0) entropy -= share * Math.log2(share);
    if (deviation > 0 && (value - mean) / deviation > 1) above++;
  });
  const { layer, part } = placeOf(name);
  let [leastCount, mostCount] = [Number.POSITIVE_INFINITY, 0];
  for (const count of counts) {
    leastCount = Math.min(leastCount, count);
    mostCount = Math.max(mostCount, count);
  }
  return {
    ...{ name, layer, part, elements, leastCount, mostCount, total, mean, min, max, deviation, entropy },
    experts: counts.length,
    unasked: counts.length - asked.length,
    active: 1 - inactive / elements,
    evenness: elements > 1 ? entropy / Math.log2(elements) : 1,
    zd: above / elements,
    similarity: similarityOf(matrix, name),
  };
}

/** The layer behind "blk.", and the word before ".weight". */
function placeOf(name: string): Pick<WeightImportance, 'layer' | 'part'> {
  const layer = /(?:^|\.)blk\.(\d+)(?:\.|$)/.exec(name)?.[1];
  const part = /(?:^|\.)([^.]+)\.weight(?:\.|$)/.exec(name)?.[1];
  return { layer: layer === undefined ? undefined : Number(layer), part: part ?? name };
}

/** llama.cpp compares sums, not means: of experts those that were asked more often weigh more. */
function similarityOf({ entries, counts }: ImportanceMatrix, name: string): number | undefined {
  const layer = /blk\.(\d+)\./.exec(name);
  if (!layer) return undefined;
  const at = layer.index + 'blk.'.length;
  const before = `${name.slice(0, at)}${Number(layer[1]) - 1}${name.slice(at + layer[1]!.length)}`;
  const [own, other] = [entries.get(name)!, entries.get(before)];
  if (!other || other.length !== own.length) return undefined;
  const scaleOf = (of: string) => {
    const each = counts.get(of)!;
    const columns = Math.floor(own.length / each.length);
    return (value: number) => each[Math.min(each.length - 1, Math.floor(value / columns))]!;
  };
  const [scale, otherScale] = [scaleOf(name), scaleOf(before)];
  let [product, ownSquares, otherSquares] = [0, 0, 0];
  for (const [i, value] of own.entries()) {
    const [one, two] = [value * scale(i), other[i]! * otherScale(i)];
    product += one * two;
    ownSquares += one * one;
    otherSquares += two * two;
  }
  return ownSquares > 0 && otherSquares > 0 ? product / Math.sqrt(ownSquares * otherSquares) : undefined;
}

function layersOf(weights: readonly WeightImportance[]): LayerImportance[] {
  const layers = new Map<number, WeightImportance[]>();
  for (const weight of weights) {
    if (weight.layer === undefined) continue;
    const members = layers.get(weight.layer);
    if (members) members.push(weight);
    else layers.set(weight.layer, [weight]);
  }
  return [...layers]
    .sort(([one], [other]) => one - other)
    .map(([layer, members]) => {
      const elements = members.reduce((sum, weight) => sum + weight.elements, 0);
      const mean = (figure: (weight: WeightImportance) => number) =>
        members.reduce((sum, weight) => sum + weight.elements * figure(weight), 0) / elements;
      return {
        layer,
        weights: members.length,
        total: mean(({ total }) => total),
        zd: mean(({ zd }) => zd),
        similarity: mean(({ similarity }) => similarity ?? 0),
      };
    });
}
