/** Findings: tolerable oddities of the checkpoint, worst first. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { Finding } from '../../src/protocol/engineApi';
import { formatInteger } from '../state/format';
import type { CheckpointSession } from '../state/session';
import { severityIcon } from './icons';

/** A broken file may have one for each of its tensors. */
const shownFindings = 500;

const order = { error: 0, warning: 1, info: 2 };
const words = { error: 'Error', warning: 'Warning', info: 'Note' };

export interface FindingsEvents {
  select(tensor: number): void;
  showProblems(): void;
}

export function findingsView(session: CheckpointSession, events: FindingsEvents): TemplateResult {
  const { findings, tensors } = session.catalogue;
  const sorted = [...findings].sort((a, b) => order[a.severity] - order[b.severity]);
  const place = (finding: Finding) => {
    const index = finding.tensor === undefined ? -1 : tensors.names.indexOf(finding.tensor);
    const { tensor } = finding;
    if (tensor === undefined) return nothing;
    return index < 0
      ? html`<span class="mono">${tensor}</span>`
      : html`<button type="button" class="link mono" @click=${() => events.select(index)}>${tensor}</button>`;
  };
  return html`<section class="page" data-testid="findings">
    <div class="page-heading">
      <h2>Findings</h2>
      <vscode-button secondary @click=${events.showProblems}>Show in Problems</vscode-button>
    </div>
    <ul class="findings">
      ${sorted.slice(0, shownFindings).map(
        (finding) => html`<li class=${finding.severity} data-code=${finding.code}>
          <span class="severity" title=${words[finding.severity]}>${severityIcon(finding.severity)}<span class="visually-hidden">${words[finding.severity]}: </span></span>
          <div>
            <p>${finding.message}</p>
            <p class="quiet small finding-place">
              ${place(finding)}
              ${finding.file === undefined ? nothing : html`<span class="mono" title=${finding.file}>${finding.file.split(/[/\\]/).at(-1)}</span>`}
              ${finding.byteOffset === undefined ? nothing : html`<span>byte ${formatInteger(finding.byteOffset)} (0x${finding.byteOffset.toString(16)})</span>`}
              <span>${finding.code}</span>
            </p>
          </div>
        </li>`,
      )}
    </ul>
    ${
      sorted.length > shownFindings
        ? html`<p class="quiet">${formatInteger(sorted.length - shownFindings)} more of the same severity or less.</p>`
        : nothing
    }
  </section>`;
}
