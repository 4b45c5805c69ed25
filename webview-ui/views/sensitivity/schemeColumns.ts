/** The schemes across the map with what the whole model comes to under each. */
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';
import { formatBits, formatBytes } from '../../state/format';
import type { ModelTotal } from '../../state/sensitivityTotals';
import type { SchemeColumn } from './sensitivityMap';

export class SchemeColumns {
  private made: readonly SchemeColumn[] = [];
  private key = '';

  /** The same array as long as nothing of it changes: the map lays itself out anew for another. */
  of(offers: readonly SchemeOffer[], totals: readonly ModelTotal[]): readonly SchemeColumn[] {
    const made = offers.map((offer, at) => columnOf(offer, totals[at]!));
    const key = JSON.stringify(made);
    if (key !== this.key) {
      this.key = key;
      this.made = made;
    }
    return this.made;
  }
}

function columnOf({ key, short }: SchemeOffer, total: ModelTotal): SchemeColumn {
  const { bytes, bitsPerWeight, sqnr, quantized, unknown, isSampled } = total;
  const isPartial = unknown > 0;
  if (quantized === 0 && isPartial) return { key, name: short, totals: ['', '', ''] };
  const about = isPartial ? '…' : '';
  const error = Number.isNaN(sqnr)
    ? '–'
    : sqnr === Number.POSITIVE_INFINITY
      ? '∞'
      : `${isSampled ? '≈' : ''}${sqnr.toFixed(1)}`.replace('-', '−');
  return {
    key,
    name: short,
    totals: [`${formatBytes(bytes)}${about}`, `${formatBits(bitsPerWeight)}${about}`, error],
  };
}
