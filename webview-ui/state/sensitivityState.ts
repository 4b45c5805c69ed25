/** What the Sensitivity tab keeps while it is hidden or reloaded: plain data, checked when it comes back. */
import type { DraftRule } from './recipeDraft';
import type { SavedCell } from './sensitivityCells';
import { type MetricId, metrics } from './sensitivityMetrics';
import type { Direction } from './sortOrder';

/** The importance matrix that errors are weighed by. */
export interface ChosenMatrix {
  /** Absolute path. */
  readonly file: string;
  /** Of the file that the cells are of. */
  readonly sha256: string;
  /** Keys of the columns that came with it, and go with it. */
  readonly added: readonly string[];
}

export interface SensitivityState {
  /** Keys of the schemes across; undefined: a set that fits the model. */
  readonly schemes: readonly string[] | undefined;
  readonly matrix: ChosenMatrix | undefined;
  readonly metric: MetricId;
  readonly view: 'map' | 'table';
  /** Also rows of vectors that every scheme keeps. */
  readonly showAll: boolean;
  /** Keys of the rows that show their tensors. */
  readonly open: readonly string[];
  readonly sort: { readonly column: string; readonly direction: Direction };
  /** Key of the chosen row, name of its tensor, key of the scheme. */
  readonly selected: { readonly row: string; readonly tensor: string; readonly scheme: string } | undefined;
  /** What the recipe gives everything without a rule; undefined: a scheme of four bits. */
  readonly base: string | undefined;
  readonly rules: readonly DraftRule[];
  /** Whether a comparison was asked for: of a large model it is asked for again after a reload. */
  readonly hasCompared: boolean;
  /** Cells of a small comparison; only for this generation, and the matrix of this hash, if any. */
  readonly saved:
    | {
        readonly generation: string;
        readonly matrix?: string | undefined;
        readonly cells: readonly SavedCell[];
      }
    | undefined;
}

export const initialSensitivity: SensitivityState = {
  schemes: undefined,
  matrix: undefined,
  metric: 'sqnr',
  view: 'map',
  showAll: false,
  open: [],
  sort: { column: 'name', direction: 'ascending' },
  selected: undefined,
  base: undefined,
  rules: [],
  hasCompared: false,
  saved: undefined,
};

/** More cells than this are asked for anew after a reload: the compute process has kept them. */
export const mostSavedCells = 6000;
const mostRules = 1000;

const isText = (value: unknown): value is string => typeof value === 'string';
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

/** Reads a saved state; whatever does not fit falls back to the start. */
export function restoreSensitivity(data: unknown): SensitivityState {
  const start = initialSensitivity;
  if (typeof data !== 'object' || data === null) return start;
  const kept = data as Partial<Record<keyof SensitivityState, unknown>>;
  const sort = (kept.sort ?? {}) as Partial<SensitivityState['sort']>;
  const selected = (kept.selected ?? {}) as Partial<NonNullable<SensitivityState['selected']>>;
  const saved = (kept.saved ?? {}) as Partial<NonNullable<SensitivityState['saved']>>;
  const matrix = (kept.matrix ?? {}) as Partial<ChosenMatrix>;
  const { row, tensor, scheme } = selected;
  return {
    schemes: isTexts(kept.schemes) && kept.schemes.length > 0 ? kept.schemes : undefined,
    matrix:
      isText(matrix.file) && isText(matrix.sha256) && isTexts(matrix.added)
        ? { file: matrix.file, sha256: matrix.sha256, added: matrix.added }
        : undefined,
    metric: metrics.find(({ id }) => id === kept.metric)?.id ?? start.metric,
    view: kept.view === 'table' ? 'table' : 'map',
    showAll: kept.showAll === true,
    open: isTexts(kept.open) ? kept.open : [],
    sort:
      isText(sort.column) && (sort.direction === 'ascending' || sort.direction === 'descending')
        ? { column: sort.column, direction: sort.direction }
        : start.sort,
    selected: isText(row) && isText(tensor) && isText(scheme) ? { row, tensor, scheme } : undefined,
    base: isText(kept.base) ? kept.base : undefined,
    rules: Array.isArray(kept.rules) ? kept.rules.filter(isRule).slice(0, mostRules) : [],
    hasCompared: kept.hasCompared === true,
    saved:
      isText(saved.generation) && Array.isArray(saved.cells)
        ? {
            generation: saved.generation,
            ...(isText(saved.matrix) ? { matrix: saved.matrix } : {}),
            cells: saved.cells,
          }
        : undefined,
  };
}

function isRule(value: unknown): value is DraftRule {
  const { scope, target, choice } = (value ?? {}) as Partial<DraftRule>;
  return (scope === 'tensor' || scope === 'layer' || scope === 'kind') && isText(target) && isText(choice);
}
