/** Which rows of a long list are on screen, and where: a pure function of the scroll position. */

export interface ListGeometry {
  readonly rowCount: number;
  /** Pixels. */
  readonly rowHeight: number;
  readonly viewportHeight: number;
}

export interface RowWindow {
  /** First row to draw, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** Pixels from the top of the scrolled content to row `first`. */
  readonly top: number;
  /** Height of the scrolled content. */
  readonly contentHeight: number;
}

/** Browsers clamp elements near 16.7 million (Firefox) to 33.5 million (Chromium) pixels; stay well below. */
export const maximumContentHeight = 8_000_000;

const fullHeight = (geometry: ListGeometry) => geometry.rowCount * geometry.rowHeight;

/** Scrolled pixels of the full list for a scroll position of the possibly shortened one. */
function fullScrollTop(scrollTop: number, geometry: ListGeometry, contentHeight: number): number {
  const full = fullHeight(geometry);
  if (full <= contentHeight) return scrollTop;
  const range = contentHeight - geometry.viewportHeight;
  return range <= 0 ? 0 : (scrollTop / range) * (full - geometry.viewportHeight);
}

/** The window for a scroll position, with `overscan` rows above and below. */
export function rowWindow(scrollTop: number, geometry: ListGeometry, overscan = 4): RowWindow {
  const { rowCount, rowHeight, viewportHeight } = geometry;
  const contentHeight = Math.min(fullHeight(geometry), maximumContentHeight);
  const bounded = Math.max(0, Math.min(scrollTop, Math.max(0, contentHeight - viewportHeight)));
  const position = fullScrollTop(bounded, geometry, contentHeight);
  const first = Math.max(0, Math.floor(position / rowHeight) - overscan);
  const end = Math.min(rowCount, Math.ceil((position + viewportHeight) / rowHeight) + overscan);
  return { first, end, top: bounded - (position - first * rowHeight), contentHeight };
}

/** The scroll position that brings a row into view with the least movement. */
export function scrollTopFor(row: number, scrollTop: number, geometry: ListGeometry): number {
  const { rowHeight, viewportHeight } = geometry;
  const contentHeight = Math.min(fullHeight(geometry), maximumContentHeight);
  const position = fullScrollTop(scrollTop, geometry, contentHeight);
  const rowTop = row * rowHeight;
  let wanted = position;
  if (rowTop < position) wanted = rowTop;
  else if (rowTop + rowHeight > position + viewportHeight) wanted = rowTop + rowHeight - viewportHeight;
  else return scrollTop;
  const full = fullHeight(geometry);
  if (full <= contentHeight) return wanted;
  return (wanted / (full - viewportHeight)) * (contentHeight - viewportHeight);
}
