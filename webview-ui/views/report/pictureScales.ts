/** The colours of the pictures, common to all schemes on show, and their legends. */
import { type ColorScale, type SequentialName, sequentialMap, signedMap } from '../../draw/colorMaps';
import { readTheme } from '../../draw/theme';
import { type ColourRange, colourRange, type RangeMode, type RangeTiles } from './colourRange';
import { figure } from './figures';
import type { PictureKind } from './pictureKinds';

export class PictureScales {
  private range: ColourRange | undefined;
  private signed: ColorScale = { map: sequentialMap('viridis'), min: -1, max: 1 };
  private error: ColorScale = { map: sequentialMap('viridis'), min: 0, max: 1 };
  private difference: ColorScale = this.signed;
  private about: readonly unknown[] | undefined;

  /** Ranges look at every cell, so they are taken anew only when something changed that they depend on. */
  update(
    mode: RangeMode,
    schemes: readonly RangeTiles[],
    colorMap: SequentialName,
    themeCount: number,
  ): void {
    const tiles = schemes.map(({ overview, shown }) => (mode === 'view' ? shown : overview));
    const about = [mode, colorMap, themeCount, ...tiles, ...schemes.map(({ maxError }) => maxError)];
    const before = this.about;
    if (before?.length === about.length && about.every((each, i) => each === before[i])) return;
    this.about = about;
    this.range = schemes.length > 0 ? colourRange(mode, schemes) : undefined;
    const { signed, error, difference } = this.range ?? { signed: 1, error: 1, difference: 1 };
    const map = signedMap(readTheme().background);
    this.signed = { map, min: -signed, max: signed };
    this.error = { map: sequentialMap(colorMap), min: 0, max: error };
    this.difference = { map, min: -difference, max: difference };
  }

  /** The same object as long as nothing changed. */
  of(kind: PictureKind): ColorScale {
    return kind === 'error' ? this.error : kind === 'signed' ? this.difference : this.signed;
  }

  /** The printed ends; undefined before the first values are there. */
  legend(kind: PictureKind): { readonly low: string; readonly high: string } | undefined {
    const { range } = this;
    if (!range) return undefined;
    if (kind === 'error')
      return { low: '0', high: `${range.errorClipped ? '≥ ' : ''}${figure(range.error, 3)}` };
    const [size, clipped] =
      kind === 'signed' ? [range.difference, range.differenceClipped] : [range.signed, range.signedClipped];
    return {
      low: `${clipped ? '≤ ' : ''}${figure(-size, 3)}`,
      high: `${clipped ? '≥ ' : ''}${figure(size, 3)}`,
    };
  }
}
