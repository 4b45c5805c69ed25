import { describe, expect, it } from 'vitest';
import {
  codeText,
  groupsOf,
  knownKinds,
  pictureKinds,
  toggledKinds,
} from '../../../webview-ui/views/report/pictureKinds';
import { stripProfile } from '../../../webview-ui/views/report/stripProfile';

describe('pictures shown', () => {
  it('are those of a saved state that exist, else all', () => {
    expect(knownKinds(['signed', 'original', 'nonsense'])).toEqual(['original', 'signed']);
    expect(knownKinds([])).toEqual(pictureKinds);
    expect(knownKinds('error')).toEqual(pictureKinds);
  });

  it('are switched one by one, and the last one stays', () => {
    expect(toggledKinds(pictureKinds, 'error')).toEqual(['original', 'dequantized', 'signed']);
    expect(toggledKinds(['signed'], 'original')).toEqual(['original', 'signed']);
    expect(toggledKinds(['signed'], 'signed')).toEqual(['signed']);
  });
});

describe('codeText', () => {
  it('writes a true minus, and a dash for a value without a code', () => {
    const codes = Int16Array.of(-7, 0, 12);
    expect([0, 1, 2].map((i) => codeText({ codes }, i))).toEqual(['\u22127', '0', '12']);
    expect(codeText({ codes, scales: Float32Array.of(1, Number.NaN, 1) }, 1)).toBe('\u2013');
  });
});

describe('groupsOf', () => {
  const codes = new Int16Array(0);
  /** Whether neighbours in a row of 5 columns are parted, for two rows. */
  const parted = (groupOf: (row: number, column: number) => number) =>
    [0, 1].map((row) => [1, 2, 3, 4].map((column) => groupOf(row, column) !== groupOf(row, column - 1)));

  it('parts rows, columns and blocks, of a row or of the flattened tensor', () => {
    expect(groupsOf({ codes }, 5)).toBeNull();
    const byRow = groupsOf({ codes, groups: { kind: 'row' } }, 5)!;
    expect([byRow(3, 0) === byRow(3, 4), byRow(3, 0) === byRow(4, 0)]).toEqual([true, false]);
    const byColumn = groupsOf({ codes, groups: { kind: 'column' } }, 5)!;
    expect([byColumn(3, 0) === byColumn(4, 0), byColumn(3, 0) === byColumn(3, 1)]).toEqual([true, false]);
    const inRows = groupsOf({ codes, groups: { kind: 'block', size: 2, flat: false } }, 5)!;
    expect(parted(inRows)).toEqual([
      [false, true, false, true],
      [false, true, false, true],
    ]);
    expect(inRows(0, 4)).not.toBe(inRows(1, 0));
    const flat = groupsOf({ codes, groups: { kind: 'block', size: 2, flat: true } }, 5)!;
    // 0 1 | 2 3 | 4, then 5 | 6 7 | 8 9 in the second row.
    expect(parted(flat)).toEqual([
      [false, true, false, true],
      [true, false, true, false],
    ]);
    expect(flat(0, 4)).toBe(flat(1, 0));
  });
});

describe('stripProfile', () => {
  it('marks what has more than three times the median error', () => {
    const profile = stripProfile(Float32Array.of(1, 2, 1, 9, 2, 1, 6.5));
    expect(profile.median).toBe(2);
    expect(profile.outliers).toEqual([3, 6]);
    expect(profile.pyramid.greatest).toBe(9);
    expect(stripProfile(new Float32Array(4)).outliers).toEqual([]);
  });
});
