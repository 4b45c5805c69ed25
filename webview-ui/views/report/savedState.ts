/** What the report page remembers while it is hidden, moved or reloaded. */
import type { Region } from '../../../src/protocol/engineApi';
import type { ComparedScheme } from '../../../src/protocol/webviewApi';
import type { RangeMode } from './colourRange';
import type { SavedDivergences } from './divergences';
import { type MetricName, metricNamed } from './metrics';
import { knownKinds, type PictureKind, pictureKinds } from './pictureKinds';

export interface SavedState {
  readonly metric: MetricName;
  /** What is known of the divergences by now. */
  readonly divergences: SavedDivergences;
  /** Name of the selected tensor. */
  readonly tensor: string | undefined;
  /** Where the pictures of that tensor were zoomed to. */
  readonly region: Region | undefined;
  readonly range: RangeMode;
  /** Which pictures are shown. */
  readonly kinds: readonly PictureKind[];
  /** The scheme beside the report's. */
  readonly compare: ComparedScheme | undefined;
  /** Logarithmic counts. */
  readonly isLog: boolean;
  readonly showTable: boolean;
  readonly showKept: boolean;
  readonly sort: { readonly column: string; readonly descending: boolean };
}

const first: SavedState = {
  metric: 'sqnr',
  divergences: [],
  tensor: undefined,
  region: undefined,
  range: 'clipped',
  kinds: pictureKinds,
  compare: undefined,
  isLog: true,
  showTable: true,
  showKept: false,
  sort: { column: 'sqnr', descending: false },
};

/** Fills in whatever an older or foreign state lacks. */
export function restoreState(saved: unknown): SavedState {
  const known = typeof saved === 'object' && saved !== null ? (saved as Partial<SavedState>) : {};
  return {
    metric: known.metric === 'kl' ? 'kl' : metricNamed(String(known.metric)).name,
    divergences: Array.isArray(known.divergences) ? known.divergences.filter(isDivergence) : [],
    tensor: typeof known.tensor === 'string' ? known.tensor : undefined,
    region: isRegion(known.region) ? known.region : undefined,
    range: known.range === 'whole' || known.range === 'view' ? known.range : first.range,
    kinds: knownKinds(known.kinds),
    compare: isCompared(known.compare) ? known.compare : undefined,
    isLog: known.isLog !== false,
    showTable: known.showTable ?? first.showTable,
    showKept: known.showKept ?? first.showKept,
    sort:
      typeof known.sort?.column === 'string' && typeof known.sort.descending === 'boolean'
        ? known.sort
        : first.sort,
  };
}

const isDivergence = (pair: unknown): pair is SavedDivergences[number] =>
  Array.isArray(pair) && typeof pair[0] === 'string' && pair[1] >= 0;

function isRegion(region: unknown): region is Region {
  if (typeof region !== 'object' || region === null) return false;
  const { row0, row1, column0, column1 } = region as Region;
  return [row0, row1, column0, column1].every(Number.isFinite);
}

function isCompared(compare: unknown): compare is ComparedScheme {
  if (typeof compare !== 'object' || compare === null) return false;
  const { choice, label } = compare as Partial<ComparedScheme>;
  // Whether the scheme exists is told by whoever is asked for it.
  return (
    typeof choice?.scheme === 'string' && typeof choice.granularity === 'string' && typeof label === 'string'
  );
}
