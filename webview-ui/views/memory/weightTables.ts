/** What the weights take in each type, exact, beside what is on disk. */
import { html, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import { dtypeShares } from '../../state/dtypeShares';
import { formatBytes, formatInteger, formatParameters, formatShare } from '../../state/format';
import type { CheckpointSession } from '../../state/session';

const share = (value: number) =>
  ref((element) => (element as HTMLElement | undefined)?.style.setProperty('--share', String(value)));

const bitsOf: Readonly<Record<string, number>> = { F32: 32, 'F16/BF16': 16, INT8: 8, INT4: 4 };

export function weightTables(session: CheckpointSession): TemplateResult {
  const { catalogue } = session;
  const { memory, bytes, parameters } = catalogue;
  const largest = Math.max(bytes, ...memory.map((entry) => entry.bytes), 1);
  const bar = (value: number, kind: string) =>
    html`<td class="bar-cell" aria-hidden="true"><span class="track wide"><span class="fill ${kind}" ${share(value / largest)}></span></span></td>`;
  const bitsOnDisk = parameters > 0 ? (bytes * 8) / parameters : 0;
  const shares = dtypeShares(catalogue.tensors);
  const fileBytes = catalogue.files.reduce((sum, file) => sum + file.bytes, 0);
  return html`<h2>Weights of the whole model</h2>
    <p class="quiet lead">
      Exact bytes for ${formatInteger(parameters)} parameters (${formatParameters(parameters)}), all stored in one type. Scales,
      padding, activations and the key-value cache come on top.
    </p>
    <table class="sheet memory">
      <thead>
        <tr><th scope="col">Type</th><th scope="col" class="number">Bits</th><th scope="col" class="number">Size</th><th scope="col" class="number">Bytes</th><th scope="col"><span class="visually-hidden">Bar</span></th><th scope="col" class="number">Of the file</th></tr>
      </thead>
      <tbody>
        ${memory.map(
          (entry) => html`<tr data-memory=${entry.label}>
            <th scope="row">${entry.label}</th>
            <td class="number">${bitsOf[entry.label] ?? ''}</td>
            <td class="number">${formatBytes(entry.bytes)}</td>
            <td class="number" data-value=${entry.bytes}>${formatInteger(entry.bytes)}</td>
            ${bar(entry.bytes, '')}
            <td class="number quiet">${bytes > 0 ? formatShare(entry.bytes / bytes) : ''}</td>
          </tr>`,
        )}
        <tr class="total" data-memory="disk">
          <th scope="row">As stored</th>
          <td class="number">${bitsOnDisk > 0 ? Number(bitsOnDisk.toFixed(2)) : ''}</td>
          <td class="number">${formatBytes(bytes)}</td>
          <td class="number" data-value=${bytes}>${formatInteger(bytes)}</td>
          ${bar(bytes, 'stored')}
          <td class="number quiet">${bytes > 0 ? formatShare(1) : ''}</td>
        </tr>
      </tbody>
    </table>

    <h2>On disk</h2>
    <table class="sheet memory">
      <thead>
        <tr><th scope="col">dtype</th><th scope="col" class="number">Tensors</th><th scope="col" class="number">Parameters</th><th scope="col" class="number">Bytes</th><th scope="col"><span class="visually-hidden">Bar</span></th><th scope="col" class="number">Share</th></tr>
      </thead>
      <tbody>
        ${shares.map(
          (entry) => html`<tr data-dtype=${entry.dtype}>
            <th scope="row"><span class="dtype">${entry.dtype}</span></th>
            <td class="number">${formatInteger(entry.tensors)}</td>
            <td class="number">${formatInteger(entry.parameters)}</td>
            <td class="number">${formatInteger(entry.bytes)}</td>
            <td class="bar-cell" aria-hidden="true"><span class="track wide"><span class="fill" ${share(entry.share)}></span></span></td>
            <td class="number quiet">${formatShare(entry.share)}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    <table class="sheet files">
      <thead>
        <tr><th scope="col">${catalogue.files.length > 1 ? 'Shard' : 'File'}</th><th scope="col" class="number">Bytes</th></tr>
      </thead>
      <tbody>
        ${catalogue.files.map(
          (file) => html`<tr>
            <th scope="row" class="mono" title=${file.path}>${file.path.split(/[/\\]/).at(-1)}</th>
            <td class="number">${formatInteger(file.bytes)}</td>
          </tr>`,
        )}
      </tbody>
      <tfoot>
        <tr><th scope="row" class="quiet">Headers and padding</th><td class="number quiet">${formatInteger(Math.max(0, fileBytes - bytes))}</td></tr>
      </tfoot>
    </table>`;
}
