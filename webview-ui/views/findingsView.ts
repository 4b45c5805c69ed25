/** Findings: what is wrong or odd about the checkpoint, worst first. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { Finding } from '../../src/protocol/engineApi';
import { formatInteger } from '../state/format';
import type { CheckpointSession } from '../state/session';
import { copyIcon, severityIcon } from './icons';

/** A broken file may have one for each of its tensors. */
const shownFindings = 500;

const order = { error: 0, warning: 1, info: 2 };
const words = { error: 'Error', warning: 'Warning', info: 'Note' };

export interface FindingsEvents {
  select(tensor: number): void;
  showProblems(): void;
  help(code: string): void;
  copy(text: string): void;
  analyzeAll(): void;
}

export function findingsView(session: CheckpointSession, events: FindingsEvents): TemplateResult {
  const { findings } = session;
  const { tensors } = session.catalogue;
  const unread = tensors.count - session.stats.known;
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
    ${
      unread > 0 && !session.analysis
        ? html`<p class="quiet findings-lead">
            ${unread === tensors.count ? 'Only the headers were checked.' : `${formatInteger(unread)} tensors were not read yet.`}
            <button type="button" class="link" data-testid="findings-analyze" @click=${events.analyzeAll}>Analyze all</button>
            finds NaN, infinities and tensors of zeros too.
          </p>`
        : nothing
    }
    <ul class="findings">
      ${sorted.slice(0, shownFindings).map(
        (finding) => html`<li class=${finding.severity} data-code=${finding.code}>
          <span class="severity" title=${words[finding.severity]}>${severityIcon(finding.severity)}<span class="visually-hidden">${words[finding.severity]}: </span></span>
          <div class="finding-text">
            <p>${finding.message}</p>
            <p class="quiet small finding-place">
              ${place(finding)}
              ${finding.file === undefined ? nothing : html`<span class="mono" title=${finding.file}>${finding.file.split(/[/\\]/).at(-1)}</span>`}
              ${finding.byteOffset === undefined ? nothing : html`<span>byte ${formatInteger(finding.byteOffset)} (0x${finding.byteOffset.toString(16)})</span>`}
              <button type="button" class="link" data-testid="finding-help" title="Cause and cure" @click=${() => events.help(finding.code)}>${finding.code}</button>
            </p>
          </div>
          <button type="button" class="icon-button" title="Copy the finding" aria-label="Copy the finding" @click=${() => events.copy(findingText(finding))}>${copyIcon()}</button>
        </li>`,
      )}
    </ul>
    ${
      sorted.length > shownFindings
        ? html`<p class="quiet">${formatInteger(sorted.length - shownFindings)} more, none of them graver.</p>`
        : nothing
    }
  </section>`;
}

/** A finding as lines of text, as one pastes it into a bug report. */
function findingText({ severity, code, message, file, tensor, byteOffset }: Finding): string {
  return [
    `${severity} ${code}: ${message}`,
    ...(file === undefined ? [] : [`File: ${file}`]),
    ...(tensor === undefined ? [] : [`Tensor: ${tensor}`]),
    ...(byteOffset === undefined ? [] : [`Byte: ${byteOffset} (0x${byteOffset.toString(16)})`]),
  ].join('\n');
}
