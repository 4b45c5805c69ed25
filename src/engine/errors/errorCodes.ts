/** The codes of the values that an error picture shows one by one. */
import type { ErrorTile, SchemeChoice, TileCodes } from '../../protocol/engineApi';
import { codeOffset, type ScaleGroups, scaleGroups } from '../../quant/shownCode';
import type { Engine } from '../jobs';
import type { TensorSource } from '../tensorSource';
import type { TaskOptions } from '../worker/pool';
import type { Counterpart } from '../worker/task';

/** More cells than this are too small for numbers on any screen. */
const mostCodes = 2 ** 14;

/** Whether each cell of a tile is one value, and there are few enough for codes. */
export function holdsSingles({ region, rows, columns }: ErrorTile): boolean {
  const cells = rows * columns;
  return (
    rows === region.row1 - region.row0 &&
    columns === region.column1 - region.column0 &&
    cells > 0 &&
    cells <= mostCodes
  );
}

/**
 * The codes that a choice gives; undefined where it has none, or where a written file does not hold the values that
 * these codes stand for: then it was made otherwise.
 */
export async function tileCodes(
  engine: Engine,
  source: TensorSource,
  choice: SchemeChoice,
  counterpart: Counterpart,
  { region, dequantized }: ErrorTile,
  options: TaskOptions,
): Promise<TileCodes | undefined> {
  const result = await engine.pool.run({ kind: 'codes', source, region, counterpart }, options);
  if (!result) return undefined;
  // Minus zero and zero are the same value.
  if (result.dequantized.some((value, i) => value !== dequantized[i])) return undefined;
  const offset = codeOffset(choice.scheme);
  const { scales } = result;
  const zeros = result.zeros.map((zero) => zero - offset);
  // Symmetric codes have none to speak of.
  const shifted = zeros.some((zero) => zero !== 0 && !Number.isNaN(zero));
  const groups = groupsIn(source, choice);
  return {
    codes: Int16Array.from(result.codes, (code) => code - offset),
    scales,
    ...(shifted ? { zeros } : {}),
    ...(groups ? { groups } : {}),
  };
}

/** In a graph rows mean output channels, which may lie along the stored matrix's columns; blocks then run down these. */
function groupsIn({ graph }: TensorSource, choice: SchemeChoice): ScaleGroups | undefined {
  const groups = scaleGroups(choice);
  if (graph?.outputAxis !== 1 || groups === undefined) return groups;
  if (groups.kind === 'block') return undefined;
  return { kind: groups.kind === 'row' ? 'column' : 'row' };
}
