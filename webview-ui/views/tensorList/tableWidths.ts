/** Column widths: as wide as the longest content, the name takes what is left. */
import { formatInteger, formatShape } from '../../state/format';
import type { CheckpointSession } from '../../state/session';
import type { TableColumn } from '../../state/tableColumns';
import { shapeOf } from '../../state/tableModel';

/** Of a cell, both sides; the style sheet's. */
const padding = 14;
const sampledTensors = 2000;
const minimumNameWidth = 190;

/** Longest shape and dtype of a sample: one row in a hundred thousand may be cut off and has a tooltip. */
function samples(session: CheckpointSession): { shape: string; dtype: string } {
  const { tensors } = session.catalogue;
  let shape = '';
  const step = Math.max(1, Math.floor(tensors.count / sampledTensors));
  for (let i = 0; i < tensors.count; i += step) {
    const text = formatShape(shapeOf(tensors, i));
    if (text.length > shape.length) shape = text;
  }
  const dtype = tensors.dtypes.reduce((longest, name) => (name.length > longest.length ? name : longest), '');
  return { shape, dtype };
}

const longestOf = new WeakMap<CheckpointSession, { shape: string; dtype: string }>();

/**
 * The CSS grid tracks and the table's width in pixels. Where not all fits, the share goes first: it is the
 * bytes once more. What still does not fit is reached by scrolling.
 */
export function columnTracks(
  host: HTMLElement,
  columns: readonly TableColumn[],
  session: CheckpointSession,
  available: number,
): { readonly tracks: string; readonly width: number; readonly hidesShare: boolean } {
  let longest = longestOf.get(session);
  if (!longest) {
    longest = samples(session);
    longestOf.set(session, longest);
  }
  const { shape, dtype } = longest;
  const context = document.createElement('canvas').getContext('2d')!;
  const style = getComputedStyle(host);
  const measure = (text: string, bold = false) => {
    context.font = `${bold ? '600 ' : ''}${style.fontSize} ${style.fontFamily}`;
    return Math.ceil(context.measureText(text).width);
  };
  const content: Record<TableColumn['id'], number> = {
    name: minimumNameWidth,
    dtype: measure(dtype) + 12,
    shape: Math.min(200, Math.max(measure(shape), measure('99 tensors'))),
    parameters: measure('888.8 K', true),
    bytes: measure(formatInteger(session.catalogue.bytes), true),
    share: 44,
    absmax: measure('0.0888'),
    std: measure('0.0888'),
    kurtosis: measure('8888.8', true),
    sigma6: measure('8,888', true),
    rms: measure('0.0888'),
    crest: measure('888.8', true),
    skewness: measure('−88.8', true),
    entropy: measure('18.8'),
    zeros: measure('888,888'),
    denormals: measure('8,888', true),
    rowOutliers: measure('8,888', true),
    columnOutliers: measure('8,888', true),
    int8Columns: measure('8,888', true),
  };
  const widths = columns.map((column) =>
    column.id === 'name'
      ? content.name + padding
      : // Beside its title a header has room for the arrow of the order.
        Math.max(content[column.id], measure(column.title) + 8) + padding,
  );
  const share = columns.findIndex((column) => column.id === 'share');
  let total = widths.reduce((sum, width) => sum + width, 0);
  const hidesShare = share >= 0 && total > available;
  if (hidesShare) total -= widths[share]!;
  const tracks = columns.flatMap((column, index) => {
    if (column.id === 'share' && hidesShare) return [];
    return [column.id === 'name' ? `minmax(${widths[index]}px, 1fr)` : `${widths[index]}px`];
  });
  return { tracks: tracks.join(' '), width: Math.max(total, available), hidesShare };
}
