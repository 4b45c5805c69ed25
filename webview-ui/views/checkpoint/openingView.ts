/** What is shown while headers are read; of a model with an index, what the index says. */
import { html, nothing, type TemplateResult } from 'lit';
import type { OpenProgress } from '../../../src/protocol/engineApi';
import { formatInteger } from '../../state/format';

export function openingView(opening: OpenProgress | undefined, isSlow: boolean): TemplateResult {
  const preview = opening?.preview;
  const quiet = isSlow
    ? 'The header is large or the disk is slow; a header of 100 MB takes a few seconds.'
    : 'Only the headers are read, whatever the size of the weights.';
  const lines = html`
    <p>${preview ? preview.name : 'Opening the checkpoint…'}</p>
    ${opening ? progressLine(opening) : nothing}
    <p class="quiet">${quiet}</p>
  `;
  if (!preview) return html`<section class="centre" data-testid="loading">${lines}</section>`;
  const { firstNames, tensorCount } = preview;
  const more = tensorCount - firstNames.length;
  return html`<section class="opening" data-testid="loading">
    ${lines}
    <p>${formatInteger(tensorCount)} tensors, as the index says:</p>
    <ul class="opening-names" data-testid="opening-names">
      ${firstNames.map((name) => html`<li>${name}</li>`)}
    </ul>
    ${more > 0 ? html`<p class="quiet">and ${formatInteger(more)} more</p>` : nothing}
  </section>`;
}

function progressLine({ filesDone, filesTotal }: OpenProgress): TemplateResult {
  const text = `Reading headers ${formatInteger(filesDone)} / ${formatInteger(filesTotal)}`;
  return html`<p role="status" data-testid="opening-progress">
    <progress max=${filesTotal} value=${filesDone} aria-label=${text}></progress> ${text}
  </p>`;
}
