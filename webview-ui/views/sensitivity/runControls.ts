/** The button that compares, and how far a comparison is. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import { html, type TemplateResult } from 'lit';
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';
import { formatBytes, formatInteger, formatRate, formatSeconds } from '../../state/format';
import type { RunProgress } from '../../state/sensitivityRun';
import type { SensitivityModel } from './sensitivityModel';

/** Before that a rate says nothing. */
const leastSeconds = 1;

export function runProgress(progress: RunProgress, cancel: () => void): TemplateResult {
  const { done, total, bytesDone, bytesTotal, startedAtMs, isCancelling, isExact } = progress;
  const seconds = (performance.now() - startedAtMs) / 1000;
  // A sample takes about the same of each tensor; all of a tensor takes what its size says.
  const share = isExact ? bytesDone / Math.max(1, bytesTotal) : done / Math.max(1, total);
  const isTelling = seconds > leastSeconds && share > 0;
  const rate = isExact
    ? formatRate(bytesDone / seconds)
    : `${formatInteger(Math.round(done / seconds))} tensors/s`;
  const left = (seconds * (1 - share)) / share;
  const text = isTelling ? ` · ${rate}${left > 2 ? ` · ${formatSeconds(left)} left` : ''}` : '';
  return html`<div class="progress" data-testid="comparison">
      <span class="number" title="Tensors compared">${formatInteger(done)} / ${formatInteger(total)}<span class="quiet" data-testid="comparison-rate">${text}</span></span>
      <vscode-button secondary data-testid="cancel-comparison" ?disabled=${isCancelling} @click=${cancel}>${isCancelling ? 'Cancelling' : 'Cancel'}</vscode-button>
    </div>
    <vscode-progress-bar class="analysis-bar" .value=${Math.round(share * 1000)} .max=${1000} aria-label="Comparison"></vscode-progress-bar>`;
}

export interface CompareActions {
  compare(): void;
  exact(): void;
}

/** What is missing is sampled first; then samples become exact. */
export function compareButton(
  model: SensitivityModel,
  columns: readonly SchemeOffer[],
  { compare, exact }: CompareActions,
): TemplateResult {
  const isComplete = columns.every(({ key }) => model.cells.known(key) >= model.cells.count);
  if (!isComplete) {
    const isStarted = columns.some(({ key }) => model.cells.known(key) > 0);
    return html`<vscode-button
      data-testid="compare"
      title="Quantize a sample of each tensor and look at the error; nothing is written"
      @click=${compare}
    >${isStarted ? 'Compare the rest' : 'Compare'}</vscode-button>`;
  }
  const isSampled = columns.some(({ key }) => model.cells.sampled(key) > 0);
  return html`<vscode-button
    secondary
    data-testid="exact-all"
    ?disabled=${!isSampled}
    title=${isSampled ? `Read every value of all tensors (${formatBytes(model.session.catalogue.bytes)})` : 'Every figure is exact'}
    @click=${exact}
  >${isSampled ? 'Exact for all' : 'Exact'}</vscode-button>`;
}
