/** The files that add CUDA: whether they are there, and the way to get or remove them. */
import { html, type TemplateResult } from 'lit';
import type { CudaProviderState } from '../../../src/protocol/backendApi';

export function cudaSection(
  { refusal, isInstalled, isOurs, version, folder }: CudaProviderState,
  isTrusted: boolean,
  act: (action: { kind: 'installCuda' | 'removeCuda' }) => void,
): TemplateResult {
  const body =
    refusal !== undefined
      ? html`<p>${refusal}</p>`
      : !isInstalled
        ? html`<p>
              CUDA needs files of ONNX Runtime ${version} that are too large for the extension. They are downloaded on your word
              alone, and checked against the hash that their registry publishes.
            </p>
            <vscode-button secondary data-testid="install-cuda" ?disabled=${!isTrusted} @click=${() => act({ kind: 'installCuda' })}
              >Install CUDA Provider Files…</vscode-button
            >`
        : html`<p>
              The files of ONNX Runtime ${version} are in <span class="mono">${folder}</span>.
              ${isOurs ? '' : 'They did not come by this extension, which leaves them as they are.'}
            </p>
            ${
              isOurs
                ? html`<vscode-button secondary data-testid="remove-cuda" @click=${() => act({ kind: 'removeCuda' })}
                    >Remove CUDA Provider Files…</vscode-button
                  >`
                : ''
            }`;
  return html`<section aria-labelledby="cuda-title" data-testid="cuda">
    <div class="head"><h2 id="cuda-title">CUDA</h2></div>
    ${body}
  </section>`;
}
