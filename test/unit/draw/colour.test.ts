import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contrast,
  fromOklab,
  luminance,
  parseColour,
  type Rgb,
  textOver,
  toOklab,
} from '../../../webview-ui/draw/colour';

const anyColour = fc.tuple(
  fc.integer({ min: 0, max: 255 }),
  fc.integer({ min: 0, max: 255 }),
  fc.integer({ min: 0, max: 255 }),
) as fc.Arbitrary<Rgb>;

describe('colour', () => {
  it('has the luminance and contrast of the WCAG definition', () => {
    expect(luminance([255, 255, 255])).toBeCloseTo(1, 12);
    expect(luminance([0, 0, 0])).toBe(0);
    expect(contrast([255, 255, 255], [0, 0, 0])).toBeCloseTo(21, 10);
    // The well-known smallest grey that passes 4.5 on white is #767676.
    expect(contrast([0x76, 0x76, 0x76], [255, 255, 255])).toBeGreaterThan(4.5);
    expect(contrast([0x77, 0x77, 0x77], [255, 255, 255])).toBeLessThan(4.5);
  });

  it('picks the text colour of higher contrast, never below 4.5', () => {
    fc.assert(
      fc.property(anyColour, (background) => {
        const text: Rgb = textOver(background) === '#000000' ? [0, 0, 0] : [255, 255, 255];
        const other: Rgb = text[0] === 0 ? [255, 255, 255] : [0, 0, 0];
        expect(contrast(text, background)).toBeGreaterThanOrEqual(contrast(other, background) - 1e-9);
        expect(contrast(text, background)).toBeGreaterThan(4.5);
      }),
    );
  });

  it('goes to OKLab and back without loss', () => {
    fc.assert(
      fc.property(anyColour, (colour) => {
        expect(fromOklab(toOklab(colour))).toEqual(colour);
      }),
    );
    expect(toOklab([255, 255, 255])[0]).toBeCloseTo(1, 5);
  });

  it('reads the notations of theme variables', () => {
    expect(parseColour('#1f1f1f')).toEqual([31, 31, 31]);
    expect(parseColour(' #fff ')).toEqual([255, 255, 255]);
    expect(parseColour('#10203040')).toEqual([16, 32, 48]);
    expect(parseColour('rgba(1, 2, 3, 0.5)')).toEqual([1, 2, 3]);
    expect(parseColour('rgb(4 5 6 / 50%)')).toEqual([4, 5, 6]);
    expect(parseColour('tomato')).toBeNull();
    expect(parseColour('')).toBeNull();
  });
});
