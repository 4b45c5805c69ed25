/** One GPU: what it multiplies natively, and which scheme follows. */
import { html, nothing, type TemplateResult } from 'lit';
import type { GpuSpecification, NativeSupport } from '../../../src/protocol/backendApi';
import { numberKinds, supportWords } from '../../../src/protocol/backendTexts';
import { formatBytes, formatExactBytes } from '../../state/format';

const explanations: Readonly<Record<NativeSupport, string>> = {
  matrix: 'by matrix units',
  dot: 'by ordinary units, with packed or dot-product instructions',
  none: 'converted to a wider kind first',
};

const tellers = {
  driver: 'The driver names the architecture.',
  name: 'The architecture follows from the name.',
  none: '',
} as const;

export function gpuView(gpu: GpuSpecification, preview: (scheme: string) => void): TemplateResult {
  const { name, architecture, memoryBytes, sharesMemory, schemes, knownBy } = gpu;
  const memory = sharesMemory
    ? html`<span>shares the machine's memory</span>`
    : memoryBytes === undefined
      ? nothing
      : html`<span title=${formatExactBytes(memoryBytes)}>${formatBytes(memoryBytes)}</span>`;
  if (!architecture) {
    return html`<section class="gpu" data-testid="gpu" aria-label=${name}>
      <h3>${name}</h3>
      <p class="facts">${memory}</p>
      <p>This version does not know this GPU, so it says nothing of what it runs natively. The maker's table of data
        types does; a model of the same architecture from the list is as good.</p>
    </section>`;
  }
  return html`<section class="gpu" data-testid="gpu" aria-label=${name}>
    <h3>${name}</h3>
    <p class="facts quiet">
      <span>${architecture.name}</span>
      ${architecture.codes.length > 0 ? html`<span class="mono">${architecture.codes.join(', ')}</span>` : nothing}
      ${memory}
      <span>${tellers[knownBy]}</span>
    </p>
    <div class="columns">
      <table class="sheet kinds" data-testid="kinds">
        <thead>
          <tr><th scope="col">Kind</th><th scope="col">Native</th><th scope="col">How it is multiplied</th></tr>
        </thead>
        <tbody>
          ${numberKinds.map(([kind, label]) => {
            const support = architecture.support[kind];
            return html`<tr data-kind=${kind} class="support-${support}">
              <th scope="row"><span class="dtype">${label}</span></th>
              <td>${supportWords[support]}</td>
              <td class="quiet">${explanations[support]}</td>
            </tr>`;
          })}
        </tbody>
      </table>
      <div class="advice">
        <h4>What follows</h4>
        <ol data-testid="advice">
          ${schemes.map(
            ({ choice, label, why }) => html`<li>
              <b>${label}</b>
              <button class="link" aria-label="Preview the error of ${label}" @click=${() => preview(choice.scheme)}>Preview Error…</button>
              <div class="quiet">${why}</div>
            </li>`,
          )}
        </ol>
      </div>
    </div>
    ${architecture.note === undefined ? nothing : html`<p>${architecture.note}</p>`}
  </section>`;
}
