/** What a reader chose in a viewer, and how it survives a reload. */
import type { Region, TensorSlice } from '../../../src/protocol/engineApi';
import type { ScaleKind } from '../../draw/valueScale';
import type { MatrixPlace } from '../../state/matrixPlace';
import { restoredSlice } from '../../state/matrixPlace';
import type { CellKind, RangeMode } from '../../state/valueRange';

export interface ViewChoices {
  readonly cells: CellKind;
  readonly scale: ScaleKind;
  readonly range: RangeMode;
  readonly percent: number;
  readonly typed: { readonly min: number; readonly max: number } | undefined;
  readonly profile: 'absmax' | 'rms';
  readonly slice: TensorSlice | undefined;
}

export interface SavedView {
  readonly choices: ViewChoices;
  readonly region: Region | undefined;
  readonly selected: MatrixPlace | undefined;
}

export const firstChoices: ViewChoices = {
  cells: 'extreme',
  scale: 'linear',
  range: 'auto',
  percent: 99.9,
  typed: undefined,
  profile: 'absmax',
  slice: undefined,
};

const oneOf = <T extends string>(value: unknown, allowed: readonly T[], otherwise: T): T =>
  allowed.includes(value as T) ? (value as T) : otherwise;

/** Fills in whatever an older or foreign state lacks; undefined when there is none. */
export function restoreView(saved: unknown, shape: readonly number[]): SavedView | undefined {
  if (typeof saved !== 'object' || saved === null) return undefined;
  const { choices: given, region, selected } = saved as Partial<Record<keyof SavedView, unknown>>;
  const known = (typeof given === 'object' && given !== null ? given : {}) as Partial<ViewChoices>;
  const typed = known.typed;
  return {
    choices: {
      cells: oneOf(known.cells, ['extreme', 'magnitude', 'mean', 'rms'], firstChoices.cells),
      scale: oneOf(known.scale, ['linear', 'symlog', 'quantile'], firstChoices.scale),
      range: oneOf(known.range, ['auto', 'whole', 'percentile', 'view', 'typed'], firstChoices.range),
      percent: isPercent(known.percent) ? known.percent : firstChoices.percent,
      typed: typed && Number.isFinite(typed.min) && typed.max > typed.min ? typed : undefined,
      profile: oneOf(known.profile, ['absmax', 'rms'], firstChoices.profile),
      slice: restoredSlice(known.slice, shape),
    },
    region: hasNumbers(region, ['row0', 'row1', 'column0', 'column1']) ? (region as Region) : undefined,
    selected: hasNumbers(selected, ['row', 'column']) ? (selected as MatrixPlace) : undefined,
  };
}

export const isPercent = (value: unknown): value is number =>
  typeof value === 'number' && value > 0 && value <= 100;

function hasNumbers(value: unknown, keys: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return keys.every((key) => Number.isFinite((value as Record<string, unknown>)[key]));
}
