import { describe, expect, it } from 'vitest';
import {
  type ColorMap,
  colourOf,
  positionOn,
  sequentialMap,
  signedMap,
} from '../../../webview-ui/draw/colorMaps';
import { type Rgb, toOklab } from '../../../webview-ui/draw/colour';

function colours(map: ColorMap): Rgb[] {
  return Array.from({ length: map.size }, (_, i) => [
    map.bytes[3 * i]!,
    map.bytes[3 * i + 1]!,
    map.bytes[3 * i + 2]!,
  ]);
}

const distance = (one: Rgb, other: Rgb) => {
  const a = toOklab(one);
  const b = toOklab(other);
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
};

describe.each(['viridis', 'cividis'] as const)('%s', (name) => {
  const map = sequentialMap(name);
  const table = colours(map);

  it('gets lighter all the way', () => {
    expect(table).toHaveLength(256);
    // Eight-bit rounding may cost a step a little lightness; over three steps it must rise.
    for (let i = 3; i < table.length; i++)
      expect(toOklab(table[i]!)[0]).toBeGreaterThan(toOklab(table[i - 3]!)[0]);
  });

  it('is near to perceptually uniform: no stretch is much slower than the mean', () => {
    const strides = Array.from({ length: 15 }, (_, k) => distance(table[17 * k]!, table[17 * (k + 1)]!));
    const mean = strides.reduce((sum, stride) => sum + stride, 0) / strides.length;
    for (const stride of strides) {
      expect(stride).toBeGreaterThan(mean * 0.5);
      expect(stride).toBeLessThan(mean * 2.1);
    }
  });
});

it('viridis agrees with published values between its control colours', () => {
  // Entries 127 and 128 of the published table are (0.127568, 0.566949, 0.550556) and its neighbour.
  const expected = [0.127568, 0.566949, 0.550556].map((channel) => channel * 255);
  const found = sequentialMap('viridis').at(127 / 255);
  for (let i = 0; i < 3; i++) expect(Math.abs(found[i]! - expected[i]!)).toBeLessThan(2);
});

it('cividis agrees with the published value at its middle', () => {
  const expected = [0.485141, 0.482451, 0.470384].map((channel) => channel * 255);
  const found = sequentialMap('cividis').at(127 / 255);
  for (let i = 0; i < 3; i++) expect(Math.abs(found[i]! - expected[i]!)).toBeLessThan(2.5);
});

describe.each([
  ['dark', [31, 31, 31]],
  ['light', [255, 255, 255]],
  ['high contrast', [0, 0, 0]],
] as const)('signed map on %s', (_name, background) => {
  const map = signedMap(background);
  const table = colours(map);
  const middle = (map.size - 1) / 2;

  it('has the background exactly in its middle', () => {
    expect(map.at(0.5)).toEqual(background);
    expect(table[middle]).toEqual(background);
  });

  it('is blue below and red above, and as strong on both sides', () => {
    const [low, high] = [table[0]!, table.at(-1)!];
    expect(low[2]).toBeGreaterThan(low[0] + 60);
    expect(high[0]).toBeGreaterThan(high[2] + 60);
    const [lowFar, highFar] = [distance(low, background), distance(high, background)];
    expect(Math.abs(lowFar - highFar)).toBeLessThan(0.06);
  });

  it('moves away from the background without turning back', () => {
    const rise = (indices: number[]) => {
      for (let k = 1; k < indices.length; k++)
        expect(distance(table[indices[k]!]!, background)).toBeGreaterThan(
          distance(table[indices[k - 1]!]!, background),
        );
    };
    rise([middle, middle + 20, middle + 60, middle + 120, middle + 200, map.size - 1]);
    rise([middle, middle - 20, middle - 60, middle - 120, middle - 200, 0]);
  });
});

describe('scales', () => {
  it('cut to their ends, and leave NaN to the pattern', () => {
    expect(positionOn({ min: -2, max: 2 }, 0)).toBe(0.5);
    expect(positionOn({ min: -2, max: 2 }, -9)).toBe(0);
    expect(positionOn({ min: 0, max: 1 }, Number.POSITIVE_INFINITY)).toBe(1);
    expect(positionOn({ min: 0, max: 1 }, Number.NaN)).toBeNaN();
    const scale = { map: sequentialMap('viridis'), min: 0, max: 1 };
    expect(colourOf(scale, Number.NaN)).toBeNull();
    expect(colourOf(scale, 0)).toEqual([0x44, 0x01, 0x54]);
    expect(colourOf(scale, 1)).toEqual([0xfd, 0xe7, 0x25]);
  });

  it('without width put their only value in the middle', () => {
    expect(positionOn({ min: 3, max: 3 }, 3)).toBe(0.5);
    expect(positionOn({ min: 3, max: 3 }, 2)).toBe(0);
  });
});
