/** All schemes and mixes: what the weights take, what the whole takes, and where it fits. */
import { html, nothing, type TemplateResult } from 'lit';
import type { FitMark, MemoryEstimate, SchemeRow } from '../../../src/protocol/memoryApi';
import { idleText, shownRows } from '../../../src/protocol/memoryRows';
import { formatBytes, formatExactBytes, formatInteger } from '../../state/format';
import { boundReason, boundText, deviceTitle, verdictWords } from './memoryTexts';

export function schemeTable(estimate: MemoryEstimate, choose: (scheme: string) => void): TemplateResult {
  const { fits, setting } = estimate;
  const { schemes, mixes, idle } = shownRows(estimate);
  const group = (title: string, rows: readonly SchemeRow[]) =>
    rows.length === 0
      ? nothing
      : html`<tbody>
          <tr class="scheme-group"><th scope="rowgroup" colspan=${4 + fits.length}>${title}</th></tr>
          ${rows.map((row) => schemeRow(row, row.scheme === setting.dtype, choose))}
        </tbody>`;
  return html`<div class="wide-table"><table class="sheet schemes" data-testid="memory-schemes">
    <thead>
      <tr>
        <th scope="col">Weights as</th>
        <th scope="col" class="number">Size</th>
        <th scope="col" class="number" title="Of all weights, with scales and what stays as it is">Bits a weight</th>
        <th scope="col" class="number" title="Weights, cache, activations and buffers">Total</th>
        ${fits.map((fit) => html`<th scope="col" class="fit-column">${deviceTitle(fit)} <span class="quiet">${formatBytes(fit.memoryBytes)}</span></th>`)}
      </tr>
    </thead>
    ${group('Schemes', schemes)} ${group('Mixes of GGUF files', mixes)}
  </table></div>
  ${idle > 0 ? html`<p class="quiet small">${idleText(idle)}</p>` : nothing}`;
}

function schemeRow(row: SchemeRow, isChosen: boolean, choose: (scheme: string) => void): TemplateResult {
  const { scheme, label, bytes, bitsPerWeight, totalBytes = bytes, fits = [], refused, refusal } = row;
  return html`<tr data-scheme=${scheme} class=${isChosen ? 'chosen' : ''} aria-current=${isChosen ? 'true' : nothing}>
    <th scope="row">
      <button type="button" class="link" title="Show the bars for it" aria-pressed=${isChosen} @click=${() => choose(scheme)}>${label}</button>
      ${refused > 0 ? html`<span class="quiet" title=${refusal ?? ''}>${formatInteger(refused)} ${refused === 1 ? 'tensor does' : 'tensors do'} not fit it</span>` : nothing}
    </th>
    <td class="number" title=${formatExactBytes(bytes)}>${formatBytes(bytes)}</td>
    <td class="number">${bitsPerWeight.toFixed(2)}</td>
    <td class="number" title=${formatExactBytes(totalBytes)}>${formatBytes(totalBytes)}</td>
    ${fits.map(fitCell)}
  </tr>`;
}

function fitCell({ verdict, largestContext, tokensPerSecondBound }: FitMark): TemplateResult {
  return html`<td class="fit-column" data-verdict=${verdict}>
    <span class="verdict verdict-${verdict}">${verdictWords[verdict]}</span>
    ${largestContext !== undefined && largestContext > 0 ? html`<span class="fit-detail" title="The largest context that fits">${formatInteger(largestContext)} tokens</span>` : nothing}
    ${tokensPerSecondBound === undefined ? nothing : html`<span class="fit-detail quiet" title=${boundReason}>${boundText(tokensPerSecondBound)}</span>`}
  </td>`;
}
