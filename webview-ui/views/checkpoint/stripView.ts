/** The strip: one line that never wraps. When it is narrow its least important items go first. */
import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import type { Architecture, QuantizationSummary } from '../../../src/protocol/engineApi';
import { isImportanceMatrix } from '../../../src/protocol/importanceApi';
import { dtypeShares } from '../../state/dtypeShares';
import {
  formatBits,
  formatBytes,
  formatExactBytes,
  formatInteger,
  formatParameters,
  formatShare,
} from '../../state/format';
import type { CheckpointSession } from '../../state/session';
import { severityIcon } from '../icons';

/** The architecture in words: "LlamaForCausalLM · 4 layers · 256 wide". */
function architectureWords(architecture: Architecture): string {
  const { name, layers, hiddenSize } = architecture;
  return [
    name,
    ...(layers === undefined ? [] : [`${formatInteger(layers)} ${layers === 1 ? 'layer' : 'layers'}`]),
    ...(hiddenSize === undefined ? [] : [`${formatInteger(hiddenSize)} wide`]),
  ].join(' · ');
}

function architectureTitle(architecture: Architecture): string {
  const { heads, kvHeads, vocabulary, contextLength } = architecture;
  const fact = (value: number | undefined, words: string) =>
    value === undefined ? [] : [`${formatInteger(value)} ${words}`];
  return [
    architectureWords(architecture),
    ...fact(heads, 'heads'),
    ...fact(kvHeads, 'key-value heads'),
    ...fact(vocabulary, 'tokens in the vocabulary'),
    ...fact(contextLength, 'tokens of context'),
  ].join('\n');
}

/** "GPTQ 4-bit · 4.25 bits/weight"; bits that the method's name tells already are left out. */
function quantizationWords({ method, bits, bitsPerWeight }: QuantizationSummary): string {
  const width = bits === undefined || /\d/.test(method) ? '' : ` ${bits}-bit`;
  return `${method}${width} · ${formatBits(bitsPerWeight)} bits/weight`;
}

function quantizationTitle(quantization: QuantizationSummary): string {
  const { weights } = quantization;
  return `${quantizationWords(quantization)}\n${formatInteger(weights)} quantized ${weights === 1 ? 'weight' : 'weights'}, scales included`;
}

/** "2 warnings", "1 error, 2 warnings", "3 notes". */
function findingsWords(findings: readonly { readonly severity: string }[]): string {
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  const words = (number: number, one: string) =>
    number === 0 ? [] : [`${formatInteger(number)} ${number === 1 ? one : `${one}s`}`];
  const serious = [...words(count('error'), 'error'), ...words(count('warning'), 'warning')];
  return (serious.length > 0 ? serious : words(count('info'), 'note')).join(', ');
}

/** Sets a custom property: inline style attributes are not allowed here. */
const share = (value: number) =>
  ref((element) => (element as HTMLElement | undefined)?.style.setProperty('--share', String(value)));

const namedDtypes = 3;

/** Items carry `data-rank`: the higher, the earlier they go when there is no room. */
export function strip(session: CheckpointSession, openFindings: () => void): TemplateResult {
  const { catalogue, backend } = session;
  const shares = dtypeShares(catalogue.tensors);
  const { architecture, files } = catalogue;
  const { findings } = session;
  const severity = findings.some((finding) => finding.severity === 'error')
    ? 'error'
    : findings.some((finding) => finding.severity === 'warning')
      ? 'warning'
      : 'info';
  const shareTitle = shares
    .map(
      (entry) =>
        `${entry.dtype}: ${formatShare(entry.share)}, ${formatInteger(entry.tensors)} tensors, ${formatExactBytes(entry.bytes)}`,
    )
    .join('\n');
  const counted = isImportanceMatrix(catalogue) ? 'numbers' : 'parameters';
  return html`<header class="strip" data-testid="strip">
    <h1 class="model-name" title=${catalogue.path}>${catalogue.name}</h1>
    ${
      architecture
        ? html`<span data-rank="4" class="quiet" data-testid="architecture" title=${architectureTitle(architecture)}>${architectureWords(architecture)}</span>`
        : nothing
    }
    <span data-rank="2" data-testid="parameters" title="${formatInteger(catalogue.parameters)} ${counted} in ${formatInteger(catalogue.tensors.count)} tensors"
      ><b>${formatParameters(catalogue.parameters)}</b> <span class="quiet">${counted}</span></span
    >
    <span data-rank="1" data-testid="size" title=${formatExactBytes(catalogue.bytes)}
      ><b>${formatBytes(catalogue.bytes)}</b>${files.length > 1 ? html` <span class="quiet">in ${formatInteger(files.length)} shards</span>` : nothing}</span
    >
    ${
      shares.length > 0
        ? html`<span data-rank="6" class="share-bar" aria-hidden="true" title=${shareTitle}>
              ${shares.map((entry, index) => html`<span class="share-part part-${Math.min(index, 4)}" ${share(entry.share)}></span>`)}
            </span>
            <span data-rank="3" data-testid="dtypes" title=${shareTitle}>${shares.slice(0, namedDtypes).map(
              (entry, index) =>
                html`${index > 0 ? html`<span class="quiet"> · </span>` : nothing}<b class=${index > 0 ? 'minor' : ''}>${entry.dtype}</b>
                  <span class="quiet">${formatShare(entry.share)}</span>`,
            )}${shares.length > namedDtypes ? html`<span class="quiet"> · ${shares.length - namedDtypes} more</span>` : nothing}</span>`
        : nothing
    }
    ${
      catalogue.quantization
        ? html`<span data-rank="3.5" class="quiet" data-testid="quantization" title=${quantizationTitle(catalogue.quantization)}>${quantizationWords(catalogue.quantization)}</span>`
        : nothing
    }
    <span class="spring"></span>
    ${
      findings.length > 0
        ? html`<button type="button" class="findings-button ${severity}" data-testid="findings-button" title="Show the findings" @click=${openFindings}>
            ${severityIcon(severity)}${findingsWords(findings)}
          </button>`
        : nothing
    }
    <span data-rank="5" class="quiet backend" data-testid="backend" title=${backend}>${backend.split(/[:;(]/)[0]}</span>
  </header>`;
}

/** Hides items from the least important on until the strip fits its width, then fills what room is left. */
export function fitStrip(element: HTMLElement): void {
  const items = [...element.querySelectorAll<HTMLElement>('[data-rank]')].sort(
    (a, b) => Number(b.dataset.rank) - Number(a.dataset.rank),
  );
  element.classList.add('fitting');
  for (const item of items) item.hidden = false;
  for (const item of items) {
    if (element.scrollWidth <= element.clientWidth) break;
    item.hidden = true;
  }
  // A small item may fit where a larger one of higher importance did not.
  for (const item of items.reverse()) {
    if (!item.hidden) continue;
    item.hidden = false;
    item.hidden = element.scrollWidth > element.clientWidth;
  }
  element.classList.remove('fitting');
}
