/** What happened while the page was open, as bars under the strip. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import { closeIcon, infoIcon, warningIcon } from '../icons';

export interface Notice {
  readonly kind: 'engine' | 'changed' | 'failed' | 'origin';
  readonly message: string;
}

export interface NoticeEvents {
  dismiss(notice: Notice): void;
  reload(): void;
}

export function noticeBars(
  notices: readonly Notice[],
  trusted: boolean,
  events: NoticeEvents,
): TemplateResult {
  return html`
    ${
      trusted
        ? nothing
        : html`<div class="notice" data-testid="restricted">
            ${infoIcon()}<span>Restricted Mode: looking works as usual; quantizing, which writes files, needs a trusted workspace.</span>
          </div>`
    }
    ${notices.map(
      (
        notice,
      ) => html`<div class="notice ${notice.kind}" role="status" data-testid="notice" data-kind=${notice.kind}>
        ${notice.kind === 'origin' ? infoIcon() : warningIcon()}<span>${notice.message}</span>
        ${
          notice.kind === 'changed'
            ? html`<vscode-button data-testid="reload" @click=${events.reload}>Reload</vscode-button>`
            : nothing
        }
        <button type="button" class="icon-button" title="Dismiss" aria-label="Dismiss" @click=${() => events.dismiss(notice)}>${closeIcon()}</button>
      </div>`,
    )}
  `;
}
