/** A file that cannot be shown: the reason, where it lies, and what one can do. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { ErrorCode, SerializedError } from '../../../src/protocol/rpc';
import { formatInteger } from '../../state/format';
import { errorIcon } from '../icons';

const headings: Partial<Record<ErrorCode, string>> = {
  malformed: 'breaks the rules of its format',
  unsupported: 'uses something that is not supported yet',
  'not-a-checkpoint': 'is no checkpoint',
  'not-found': 'cannot be found',
  io: 'cannot be read',
  changed: 'has changed while it was read',
  'engine-died': 'could not be read: the compute process ended',
};

/** Codes that docs/findings.md explains. */
const documented: ReadonlySet<ErrorCode> = new Set(['malformed', 'unsupported', 'not-a-checkpoint', 'io']);

export interface RefusedEvents {
  openAsText(): void;
  openAsHex(): void;
  help(code: string): void;
  retry(): void;
  copy(text: string): void;
}

export function refusedView(error: SerializedError, fileName: string, events: RefusedEvents): TemplateResult {
  const { file, tensor, byteOffset } = error;
  const fact = (label: string, value: TemplateResult | string) =>
    html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
  const text = [
    error.message,
    ...(file === undefined ? [] : [`File: ${file}`]),
    ...(tensor === undefined ? [] : [`Tensor: ${tensor}`]),
    ...(byteOffset === undefined ? [] : [`Byte: ${byteOffset} (0x${byteOffset.toString(16)})`]),
  ].join('\n');
  return html`<section class="refused" data-testid="refused" data-code=${error.code}>
    <div class="refused-mark">${errorIcon()}</div>
    <div>
      <h1><span class="mono">${fileName}</span> ${headings[error.code] ?? 'cannot be shown'}</h1>
      <p class="reason" data-testid="reason" role="alert">${error.message}</p>
      <dl class="refused-facts">
        ${file === undefined ? nothing : fact('File', html`<span class="mono" data-testid="refused-file">${file}</span>`)}
        ${tensor === undefined ? nothing : fact('Tensor', html`<span class="mono" data-testid="refused-tensor">${tensor}</span>`)}
        ${
          byteOffset === undefined
            ? nothing
            : fact(
                'Byte offset',
                html`<span data-testid="refused-offset" data-value=${byteOffset}>${formatInteger(byteOffset)} <span class="quiet">(0x${byteOffset.toString(16)})</span></span>`,
              )
        }
      </dl>
      <div class="buttons">
        <vscode-button data-testid="retry" @click=${events.retry}>Try Again</vscode-button>
        <vscode-button secondary data-testid="open-as-text" @click=${events.openAsText}>Open as Text</vscode-button>
        <vscode-button secondary data-testid="open-as-hex" @click=${events.openAsHex}>Open as Hex</vscode-button>
        <vscode-button secondary @click=${() => events.copy(text)}>Copy Details</vscode-button>
      </div>
      ${
        documented.has(error.code)
          ? html`<p class="refused-help"><button type="button" class="link" data-testid="refused-help" @click=${() => events.help(error.code)}>What this means and what to do</button></p>`
          : nothing
      }
    </div>
  </section>`;
}
