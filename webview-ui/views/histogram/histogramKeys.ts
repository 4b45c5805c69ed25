/** What keys mean in a histogram: read the bins, zoom, and switch what is drawn. */
import type { DisplayHistogram } from '../../../src/protocol/engineApi';
import { binEdge } from '../../draw/histogramData';
import { movedRange, type ValueRange, zoomedRange } from '../../draw/histogramZoom';
import type { HistogramSwitches } from './histogramParts';

export type HistogramCommand =
  | { readonly kind: 'read'; readonly bin: number }
  | { readonly kind: 'zoom'; readonly range: ValueRange | undefined }
  | { readonly kind: 'switch'; readonly what: keyof HistogramSwitches };

/** What the keys move in. */
export interface HistogramPlace {
  readonly histogram: DisplayHistogram;
  /** The bin that is read; undefined: none. */
  readonly bin: number | undefined;
  /** What is zoomed into; undefined: everything. */
  readonly range: ValueRange | undefined;
  readonly full: ValueRange;
  readonly canZoom: boolean;
}

const switches: Readonly<Record<string, keyof HistogramSwitches>> = {
  l: 'isLog',
  n: 'showsNormal',
  t: 'showsTable',
};

/** undefined when the key means nothing here. */
export function histogramCommand(event: KeyboardEvent, place: HistogramPlace): HistogramCommand | undefined {
  if (event.altKey || event.metaKey) return undefined;
  const { key } = event;
  const last = place.histogram.counts.length - 1;
  const many = event.shiftKey || event.ctrlKey ? 10 : 1;
  const at = place.bin;
  const bin = {
    ArrowRight: at === undefined ? 0 : at + many,
    ArrowLeft: at === undefined ? last : at - many,
    Home: 0,
    End: last,
  }[key];
  if (bin !== undefined) return { kind: 'read', bin: Math.max(0, Math.min(last, bin)) };
  if (Object.hasOwn(switches, key)) return { kind: 'switch', what: switches[key]! };
  return zoomCommand(key, place);
}

function zoomCommand(key: string, place: HistogramPlace): HistogramCommand | undefined {
  const { histogram, bin, full, canZoom } = place;
  const range = place.range ?? full;
  if (key === 'Escape') return place.range && { kind: 'zoom', range: undefined };
  if (!canZoom) return undefined;
  const middle = bin === undefined ? (range.min + range.max) / 2 : binEdge(histogram, bin);
  switch (key) {
    case '+':
    case '=':
      return { kind: 'zoom', range: zoomedRange(range, full, middle, 0.5) };
    case '-':
      return { kind: 'zoom', range: zoomedRange(range, full, middle, 2) };
    case 'PageDown':
    case 'PageUp':
      return {
        kind: 'zoom',
        range: place.range && movedRange(range, full, key === 'PageDown' ? 0.5 : -0.5),
      };
    default:
      return undefined;
  }
}
