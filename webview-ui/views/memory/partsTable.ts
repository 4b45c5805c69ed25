/** Every part of an estimate: its size, between which bounds it lies, and how it comes about. */
import { html, nothing, type TemplateResult } from 'lit';
import type { BytesEstimate, MemoryEstimate, MemoryPartKind } from '../../../src/protocol/memoryApi';
import { formatBytes, formatExactBytes, formatInteger, formatParameters } from '../../state/format';
import { cacheWords, certaintyWords, partLabels, rangeText } from './memoryTexts';

interface Part {
  readonly kind: MemoryPartKind;
  readonly estimate: BytesEstimate;
  readonly how: string | TemplateResult;
}

export function partsTable(estimate: MemoryEstimate): TemplateResult {
  const { training } = estimate;
  const parts = training ? trainingParts(estimate) : useParts(estimate);
  const total = training ? training.total : estimate.total;
  return html`<div class="wide-table"><table class="sheet memory-parts" data-testid="memory-parts">
    <thead>
      <tr><th scope="col">Part</th><th scope="col" class="number">Size</th><th scope="col">Between</th><th scope="col">How it is known</th></tr>
    </thead>
    <tbody>
      ${parts.map(
        ({ kind, estimate: part, how }) => html`<tr data-part=${kind}>
          <th scope="row"><span class="swatch part-${kind}" aria-hidden="true"></span>${partLabels[kind]}</th>
          ${size(part)}
          <td class="part-between">${rangeText(part)}</td>
          <td class="quiet">${how}${how === '' ? '' : '; '}${known(part, training !== undefined)}</td>
        </tr>`,
      )}
      <tr class="total" data-part="total">
        <th scope="row">Total${total.certainty === 'unknown' ? ' of what is known' : nothing}</th>
        ${size(total)}
        <td class="part-between">${total.certainty === 'unknown' && total.low === total.high ? '' : rangeText({ ...total, certainty: 'stated' })}</td>
        <td class="quiet">${training ? `on each of ${formatInteger(training.setting.ranks)} ${training.setting.ranks === 1 ? 'GPU' : 'GPUs'}` : 'before what devices need for themselves'}</td>
      </tr>
    </tbody>
  </table></div>`;
}

/** The formulas of training are papers', not read from logs. */
const known = ({ certainty }: BytesEstimate, isTraining: boolean): string =>
  isTraining && certainty === 'stated' ? 'by the published formula' : certaintyWords[certainty];

const size = ({ bytes, certainty }: BytesEstimate): TemplateResult =>
  certainty === 'unknown' && bytes === 0
    ? html`<td class="number">?</td>`
    : html`<td class="number" data-value=${bytes} title=${formatExactBytes(bytes)}>${formatBytes(bytes)}</td>`;

function useParts(estimate: MemoryEstimate): readonly Part[] {
  const { weights, kvCache, activations, buffers, setting, parameters } = estimate;
  const types = Object.entries(weights.byDtype);
  const stored = types.slice(0, 4).map(([dtype, bytes]) => `${dtype} ${formatBytes(bytes)}`);
  const isLoaded = setting.dtype !== undefined;
  const weightsHow = isLoaded
    ? `${formatInteger(parameters)} parameters as ${setting.dtype.replace('gguf:', '').toUpperCase()}`
    : `${formatInteger(parameters)} parameters: ${stored.join(', ')}${types.length > 4 ? ', …' : ''}`;
  return [
    { kind: 'weights', estimate: weights, how: weightsHow },
    { kind: 'kvCache', estimate: kvCache, how: kvCache.certainty === 'unknown' ? '' : cacheHow(kvCache) },
    {
      kind: 'activations',
      estimate: activations,
      how: activations.formula ? html`<span class="mono" title=${symbols}>${activations.formula}</span>` : '',
    },
    {
      kind: 'buffers',
      estimate: buffers,
      how: buffers.bytes > 0 ? "inputs and logits, in the machine's memory" : '',
    },
  ];
}

const symbols =
  'U tokens computed at once, T tokens in flight, C context, n sequences, V vocabulary, d width, f feed-forward width, H heads, b bytes an element, L layers, s length of a sequence';

/** What a token costs, and what is kept in how many layers. */
function cacheHow({
  bytesPerToken,
  bytesPerLateToken,
  parts,
  dtype,
}: MemoryEstimate['kvCache']): TemplateResult {
  if (parts.length === 0) return html`nothing is kept from token to token`;
  const kept = parts.map(({ kind, layers, tokens, bytes }) => {
    const count = tokens > 0 ? ` × ${formatInteger(tokens)} tokens` : '';
    return `${formatInteger(layers)} ${layers === 1 ? 'layer' : 'layers'} with ${cacheWords[kind]}${count}: ${formatBytes(bytes)}`;
  });
  const late =
    bytesPerLateToken === bytesPerToken ? '' : `, ${formatBytes(bytesPerLateToken)} beyond the windows`;
  return html`${bytesPerToken > 0 ? html`<b>${formatBytes(bytesPerToken)}</b> a token in ${dtype}${late}. ` : nothing}${kept.join('. ')}`;
}

function trainingParts({ training, parameters }: MemoryEstimate): readonly Part[] {
  const { weights, gradients, optimizer, activations, formula, trained, setting } = training!;
  const learning =
    trained === parameters
      ? `${formatParameters(parameters)} parameters, all of which learn`
      : `${formatParameters(parameters)} parameters and ${formatInteger(trained)} that learn`;
  const states = setting.precision === 'mixed' ? 'states, and the float32 copy of what learns' : 'states';
  return [
    { kind: 'weights', estimate: weights, how: learning },
    {
      kind: 'gradients',
      estimate: gradients,
      how: `${setting.precision === 'mixed' ? 2 : 4} bytes a parameter`,
    },
    { kind: 'optimizer', estimate: optimizer, how: states },
    {
      kind: 'activations',
      estimate: activations,
      how: activations.bytes > 0 ? html`<span class="mono" title=${symbols}>${formula}</span>` : '',
    },
  ];
}
