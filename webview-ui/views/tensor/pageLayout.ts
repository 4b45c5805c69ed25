/** How the viewer's page is laid out: one line about the tensor, notices, the matrix with its tools, figures beside it. */
import { html, nothing, type TemplateResult } from 'lit';
import type { TensorSubject } from '../../../src/protocol/tensorViewApi';
import type { ValueRange } from '../../state/valueRange';
import { renderNotices, renderNoValues, renderStrip } from './pageParts';
import { renderSlice } from './slicePicker';
import { renderToolbar, type ToolbarEvents } from './toolbar';
import type { ViewChoices } from './viewChoices';

export interface PageLayout {
  readonly subject: TensorSubject;
  /** Sentences about the file and the compute process; empty: nothing happened. */
  readonly notices: { readonly changed: string; readonly engine: string };
  readonly choices: ViewChoices;
  /** Of the colours, once they are known. */
  readonly range: ValueRange | undefined;
  readonly showsTable: boolean;
  matrix(): TemplateResult;
  side(): TemplateResult;
  /** For a screen reader. */
  readonly announced: string;
}

export interface PageEvents extends ToolbarEvents {
  showCheckpoint(): void;
  openAnother(): void;
  reread(): void;
  recover(): void;
}

/** A tensor without values has nothing under its notices but why. */
export function renderPage(layout: PageLayout, events: PageEvents): TemplateResult {
  const { subject, choices } = layout;
  const top = html`${renderStrip(subject, (action) => events[action]())}${renderNotices(layout.notices, events.reread, events.recover)}`;
  if (subject.unreadable !== undefined || subject.elements === 0)
    return html`${top}${renderNoValues(subject)}`;
  return html`${top}
    <div class="viewer">
      <div class="main">
        ${renderToolbar(choices, layout.range, layout.showsTable, events)}
        ${
          subject.shape.length > 2
            ? renderSlice(subject.shape, choices.slice, (slice) => events.choose({ slice }))
            : nothing
        }
        ${layout.matrix()}
      </div>
      <aside class="side" aria-label="The selected element and the tensor's figures">${layout.side()}</aside>
    </div>
    <div class="visually-hidden" aria-live="polite" data-testid="announcer">${layout.announced}</div>`;
}
