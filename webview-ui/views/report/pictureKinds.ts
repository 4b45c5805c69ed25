/** The pictures of an error report, and what stands in their cells. */
import type { ErrorTile, TileCodes } from '../../../src/protocol/engineApi';

export const pictureKinds = ['original', 'dequantized', 'error', 'signed'] as const;
export type PictureKind = (typeof pictureKinds)[number];

export const pictureTitles: Readonly<Record<PictureKind, string>> = {
  original: 'Original',
  dequantized: 'Dequantized',
  error: '|Error|',
  signed: 'Signed error',
};

/** Those of a saved state that exist, in their usual order; all when none is left. */
export function knownKinds(saved: unknown): readonly PictureKind[] {
  const known = Array.isArray(saved) ? pictureKinds.filter((kind) => saved.includes(kind)) : [];
  return known.length > 0 ? known : pictureKinds;
}

/** Shows or hides a picture; the last one stays. */
export function toggledKinds(shown: readonly PictureKind[], kind: PictureKind): readonly PictureKind[] {
  const next = pictureKinds.filter((each) => shown.includes(each) !== (each === kind));
  return next.length > 0 ? next : shown;
}

const minus = '\u2212';

/** A code with a true minus sign; the dash stands for a value that is kept apart and has none. */
export function codeText({ codes, scales }: TileCodes, index: number): string {
  if (scales && Number.isNaN(scales[index]!)) return '\u2013';
  const code = codes[index]!;
  return code < 0 ? `${minus}${-code}` : String(code);
}

/** What is written below the values of a picture: the integer code, where the scheme has one. */
export function notesOf(tile: ErrorTile, kind: PictureKind): ((index: number) => string) | null {
  const { codes } = tile;
  return codes && kind === 'dequantized' ? (index) => `q=${codeText(codes, index)}` : null;
}

/** The number of the scale that an element of the matrix shares with others; null: all share one. */
export function groupsOf(
  { groups }: TileCodes,
  columns: number,
): ((row: number, column: number) => number) | null {
  switch (groups?.kind) {
    case undefined:
      return null;
    case 'row':
      return (row) => row;
    case 'column':
      return (_row, column) => column;
    case 'block': {
      const { size, flat } = groups;
      const perRow = Math.ceil(columns / size);
      return flat
        ? (row, column) => Math.floor((row * columns + column) / size)
        : (row, column) => row * perRow + Math.floor(column / size);
    }
  }
}
