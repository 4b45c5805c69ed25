/** The colours of a viewer: from what is chosen, known and shown to a range, a scale and their legend. */
import type { TensorStats } from '../../../src/protocol/engineApi';
import { sequentialMap, signedMap } from '../../draw/colorMaps';
import type { LegendContent } from '../../draw/scaleLegend';
import { readTheme } from '../../draw/theme';
import { type ValueScale, valueScale } from '../../draw/valueScale';
import { shortNumber } from '../../state/format';
import type { MagnitudeRanks } from '../../state/magnitudeRanks';
import { type ValueRange, valueRange } from '../../state/valueRange';
import type { ViewChoices } from './viewChoices';

export interface ColourInputs {
  readonly choices: ViewChoices;
  readonly stats: TensorStats | undefined;
  readonly ranks: MagnitudeRanks | undefined;
  /** Magnitudes of the cells that are shown, ascending. */
  readonly shown: () => Float32Array;
  readonly colorMap: 'viridis' | 'cividis';
}

export class ViewColours {
  range: ValueRange | undefined;
  scale: ValueScale | undefined;
  private key = '';
  private ranks: MagnitudeRanks | undefined;
  private themes = 0;

  /** The next update makes new colours. */
  takeTheme(): void {
    this.themes++;
  }

  /** Keeps the same scale where nothing has changed: pictures are not painted again for it. */
  update({ choices, stats, ranks, shown, colorMap }: ColourInputs): void {
    const { cells, range: mode, percent, typed, scale: kind } = choices;
    const range = valueRange({ mode, cells, stats, ranks, percent, typed, shown });
    if (!range) return;
    this.range = range;
    const isSigned = cells === 'extreme' || cells === 'mean';
    const { min, max } = range;
    const key = [kind, isSigned, min, max, this.themes, colorMap].join();
    if (this.scale && key === this.key && ranks === this.ranks) return;
    this.key = key;
    this.ranks = ranks;
    const map = isSigned ? signedMap(readTheme().background) : sequentialMap(colorMap);
    this.scale = valueScale({ kind, map, min, max, ranks });
  }

  get legend(): LegendContent | undefined {
    const { scale, range } = this;
    return scale && range && { scale, isCut: range.isCut, format: shortNumber };
  }
}
