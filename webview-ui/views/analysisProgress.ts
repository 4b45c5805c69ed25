/** How far the analysis is, how fast, how long it will take, and the button that ends it. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import { formatInteger, formatRate, formatSeconds } from '../state/format';
import type { CheckpointSession } from '../state/session';

/** Before that a time left says nothing. */
const leastSeconds = 2;

/** Nothing when no analysis runs. */
export function analysisProgress(session: CheckpointSession): TemplateResult | typeof nothing {
  if (!session.analysis) return nothing;
  const { done, total, startedAtMs, cancelling, bytesPerSecond, secondsLeft, isPaused } = session.analysis;
  const seconds = (performance.now() - startedAtMs) / 1000;
  const left = secondsLeft ?? 0;
  const rate = bytesPerSecond === undefined ? '' : ` · ${formatRate(bytesPerSecond)}`;
  const time = seconds > leastSeconds && left > 3 ? ` · ${formatSeconds(left)} left` : '';
  return html`<div class="progress" data-testid="analysis">
      <span class="number" data-testid="analysis-count" title="Tensors analyzed"
        >${formatInteger(done)} / ${formatInteger(total)}<span class="quiet" data-testid="analysis-rate">${isPaused ? ' · paused while hidden' : rate + time}</span></span
      >
      <vscode-button secondary data-testid="cancel-analysis" ?disabled=${cancelling} @click=${() => session.cancelAnalysis()}
        >${cancelling ? 'Cancelling' : 'Cancel'}</vscode-button
      >
    </div>
    <vscode-progress-bar class="analysis-bar" .value=${done} .max=${Math.max(1, total)} aria-label="Analysis"></vscode-progress-bar>`;
}
