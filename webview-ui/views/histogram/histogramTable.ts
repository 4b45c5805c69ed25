/** The bins of a histogram as a table, empty ones at the ends and between left out. */
import { html, nothing, type TemplateResult } from 'lit';
import type { DisplayHistogram } from '../../../src/protocol/engineApi';
import { expectedCount, type NormalCurve, readBin } from '../../draw/histogramData';
import { formatInteger, formatNumber, formatShare } from '../../state/format';

/** `count`: values of the tensor, of which a bin's share is told. */
export function histogramTable(
  shown: { readonly histogram: DisplayHistogram; readonly other: DisplayHistogram | undefined },
  count: number,
  name: string,
  otherName: string | undefined,
  normal: NormalCurve | undefined,
): TemplateResult {
  const { histogram, other } = shown;
  const rows = Array.from(histogram.counts.keys()).filter(
    (bin) => histogram.counts[bin]! > 0 || (other?.counts[bin] ?? 0) > 0,
  );
  return html`<div class="histogram-table" tabindex="0" role="region" aria-label="Bins of ${name}" data-testid="histogram-table">
    <table class="sheet">
      <thead>
        <tr>
          <th scope="col" class="number">from</th>
          <th scope="col" class="number">to</th>
          <th scope="col" class="number">values</th>
          <th scope="col" class="number">share</th>
          ${normal ? html`<th scope="col" class="number">normal</th>` : nothing}
          ${otherName === undefined ? nothing : html`<th scope="col" class="number">${otherName}</th>`}
        </tr>
      </thead>
      <tbody>
        ${rows.map((bin) => {
          const reading = readBin(histogram, bin, count);
          const width = reading.to - reading.from;
          const expected = normal && expectedCount(normal, width, reading.from + width / 2);
          return html`<tr>
            <td class="number">${formatNumber(reading.from)}</td>
            <td class="number">${formatNumber(reading.to)}</td>
            <td class="number">${formatInteger(reading.count)}</td>
            <td class="number">${formatShare(reading.share)}</td>
            ${normal ? html`<td class="number">${expected ? formatInteger(Math.round(expected)) : '0'}</td>` : nothing}
            ${otherName === undefined ? nothing : html`<td class="number">${formatInteger(other?.counts[bin] ?? 0)}</td>`}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}
