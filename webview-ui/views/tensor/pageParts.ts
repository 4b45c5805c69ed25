/** Parts of the viewer's page around the matrix: the strip, notices, and what is said where there is no matrix. */
import { html, nothing, type TemplateResult } from 'lit';
import type { TensorSlice } from '../../../src/protocol/engineApi';
import type { TensorSubject } from '../../../src/protocol/tensorViewApi';
import { formatBytes, formatExactBytes, formatShape } from '../../state/format';

/** Why nothing is shown. */
export interface Refusal {
  readonly title: string;
  readonly message: string;
}

/** One line that says what is shown. */
export function renderStrip(
  subject: TensorSubject,
  run: (action: 'showCheckpoint' | 'openAnother') => void,
): TemplateResult {
  return html`<header class="strip" data-testid="strip">
    <h1 class="mono" title=${subject.name}>${subject.name}</h1>
    <span class="dtype" data-testid="dtype">${subject.dtype}</span>
    <span class="shape">${formatShape(subject.shape)}</span>
    <span class="quiet size" title=${formatExactBytes(subject.bytes)}>${formatBytes(subject.bytes)}</span>
    <span class="spring"></span>
    <button type="button" class="link checkpoint" title=${subject.path} @click=${() => run('showCheckpoint')}>${subject.checkpoint}</button>
    <button type="button" class="link" data-testid="open-another" @click=${() => run('openAnother')}>View another…</button>
  </header>`;
}

/** What happened to the file and to the compute process; empty sentences are not shown. */
export function renderNotices(
  { changed, engine }: { readonly changed: string; readonly engine: string },
  reread: () => void,
  goOn: () => void,
): TemplateResult {
  const bar = (id: string, text: string, action: string, run: () => void) =>
    text === ''
      ? nothing
      : html`<div class="notice" role="status" data-testid=${id}>
          <span>${text}</span> <button type="button" class="link" @click=${run}>${action}</button>
        </div>`;
  return html`${bar('notice-changed', changed, 'Read it again', reread)}${bar('notice-engine', engine, 'Go on', goOn)}`;
}

export function renderRefusal(
  { title, message }: Refusal,
  reread: () => void,
  showCheckpoint: () => void,
): TemplateResult {
  return html`<div class="page-message" data-testid="refused" role="alert">
    <h1>${title} cannot be shown</h1>
    <p>${message}</p>
    <p>
      <button type="button" class="tool" @click=${reread}>Try again</button>
      <button type="button" class="tool" @click=${showCheckpoint}>Show the checkpoint</button>
    </p>
  </div>`;
}

/** Columns between strong lines: a block type's blocks, else each kernel of what is laid side by side. 0: none. */
export function groupColumnsOf(
  { shape, blockElements }: TensorSubject,
  slice: TensorSlice | undefined,
): number {
  if (blockElements > 1) return !slice || slice.columnDimension === shape.length - 1 ? blockElements : 0;
  return slice || shape.length < 3 ? 0 : shape.slice(2).reduce((product, size) => product * size, 1);
}

/** "3, :, :" as Python writes a slice. */
export function indicesText({ at, rowDimension, columnDimension }: TensorSlice): string {
  return at
    .map((index, dimension) =>
      dimension === rowDimension || dimension === columnDimension ? ':' : String(index),
    )
    .join(', ');
}

/** Why there are no values to show. */
export function renderNoValues({ elements, unreadable }: TensorSubject): TemplateResult {
  return html`<div class="page-message" data-testid="no-values">
    <p>${elements === 0 ? 'The tensor is empty: one of its dimensions is 0.' : `No values to show: ${unreadable}`}</p>
  </div>`;
}
