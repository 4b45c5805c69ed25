/** The candidates of the backend choice as a table: what each computes on, its speed, or why not and what to do. */
import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import type { BackendReport } from '../../../src/protocol/backendApi';
import type { BackendSetting } from '../../../src/protocol/backendPageApi';
import { backendLabels, gigabytes, sentences } from '../../../src/protocol/backendTexts';
import { formatBytes, formatExactBytes } from '../../state/format';

export interface CandidateTable {
  readonly reports: readonly BackendReport[];
  readonly configured: BackendSetting;
  /** The one that is being measured. */
  readonly measuring: string | undefined;
  readonly choose: (value: BackendSetting) => void;
}

/** A bar's length goes into a custom property: inline style attributes are not allowed here. */
const share = (value: number) =>
  ref((element) => (element as HTMLElement | undefined)?.style.setProperty('--share', String(value)));

export function candidateTable(table: CandidateTable): TemplateResult {
  const { reports } = table;
  const automatic = reports.find(({ available }) => available);
  const sorted = [...reports].sort((a, b) => Number(b.available) - Number(a.available));
  const fastest = Math.max(0, ...reports.map(({ measured }) => (measured?.ok ? measured.bytesPerSecond : 0)));
  return html`<table class="sheet candidates" data-testid="candidates">
    <thead>
      <tr>
        <th scope="col">Backend</th>
        <th scope="col">Computes on</th>
        <th scope="col" class="number">Memory</th>
        <th scope="col">Driver and runtime</th>
        <th scope="col" class="number" title="Float32 input a second on the known job, transfers counted">GB/s</th>
        <th scope="col"><span class="visually-hidden">Choice</span></th>
      </tr>
    </thead>
    <tbody>
      <tr data-backend="auto">
        <th scope="row">Automatic</th>
        <td colspan="4">
          ${automatic ? html`Takes ${backendLabels[automatic.name]} here. <span class="quiet">${sentences(automatic)}</span>` : nothing}
        </td>
        <td class="choice">${choiceCell(table, 'auto', 'Automatic', true)}</td>
      </tr>
      ${sorted.map((report) => candidateRow(table, report, fastest))}
    </tbody>
  </table>`;
}

function candidateRow(table: CandidateTable, report: BackendReport, fastest: number): TemplateResult {
  const { name, available, adapter, gpu, runtime, isSoftware } = report;
  const label = backendLabels[name];
  const choice = html`<td class="choice">${choiceCell(table, name, label, available)}</td>`;
  if (!available) {
    return html`<tr data-backend=${name} class="missing">
      <th scope="row">${label}</th>
      <td colspan="4"><span class="quiet">Not available.</span> ${sentences(report)}</td>
      ${choice}
    </tr>`;
  }
  const memory = gpu?.memoryBytes;
  return html`<tr data-backend=${name}>
    <th scope="row">${label}</th>
    <td>
      ${adapter ?? 'a GPU that ONNX Runtime does not name'}
      ${isSoftware ? html`<div class="quiet">${sentences(report)}</div>` : nothing}
    </td>
    <td class="number" title=${memory === undefined ? nothing : formatExactBytes(memory)}>${memory === undefined ? nothing : formatBytes(memory)}</td>
    <td>${[gpu?.driver, runtime].filter(Boolean).join(', ') || nothing}</td>
    <td class="number speed">${speedCell(table, report, fastest)}</td>
    ${choice}
  </tr>`;
}

function speedCell({ measuring }: CandidateTable, { name, measured }: BackendReport, fastest: number) {
  if (measuring === name) return html`<span class="quiet">measuring…</span>`;
  if (measured === undefined) return html`<span class="quiet">not measured</span>`;
  if (!measured.ok) return html`<span class="unusual" title=${measured.reason}>failed</span>`;
  return html`${gigabytes(measured.bytesPerSecond)}<span class="unit"> GB/s</span><span class="track" aria-hidden="true"
      ><span class="fill" ${share(measured.bytesPerSecond / fastest)}></span
    ></span>`;
}

function choiceCell(
  { configured, choose }: CandidateTable,
  value: BackendSetting,
  label: string,
  available: boolean,
) {
  if (configured === value) return html`<b data-testid="chosen">In use</b>`;
  if (!available) return nothing;
  return html`<button class="link" aria-label="Use ${label}" @click=${() => choose(value)}>Use</button>`;
}
