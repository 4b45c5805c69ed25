/** The JSON files beside the weights, each key a row. */
import '@vscode-elements/elements/dist/vscode-textfield/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { Catalogue, Sidecar } from '../../../src/protocol/engineApi';
import { formatBytes, formatInteger } from '../../state/format';
import { filterMetadata, jsonRows, type MetadataRow } from '../../state/metadataRows';
import { warningIcon } from '../icons';
import { type MetadataEvents, metadataTable } from './metadataView';

const rowsOf = new WeakMap<Sidecar, readonly MetadataRow[]>();

function sidecarRows(sidecar: Sidecar): readonly MetadataRow[] {
  let rows = rowsOf.get(sidecar);
  if (!rows) {
    rows = sidecar.value ? jsonRows(sidecar.value) : [];
    rowsOf.set(sidecar, rows);
  }
  return rows;
}

export function configView(
  sidecars: readonly Sidecar[],
  filter: string,
  events: MetadataEvents,
): TemplateResult {
  const found = sidecars.map((sidecar) => {
    const rows = sidecarRows(sidecar);
    return { sidecar, rows, found: filterMetadata(rows, filter) };
  });
  const total = found.reduce((sum, { rows }) => sum + rows.length, 0);
  const matches = found.reduce((sum, entry) => sum + entry.found.length, 0);
  const isFiltered = filter.trim() !== '';
  return html`<section class="page" data-testid="config">
    <div class="toolbar page-toolbar">
      <vscode-textfield
        class="filter"
        data-testid="config-filter"
        placeholder="Filter keys, types and values"
        .label=${'Filter the configuration'}
        .value=${filter}
        @input=${(event: Event) => events.filter((event.target as HTMLInputElement).value)}
      ></vscode-textfield>
      <span class="quiet count" aria-live="polite">${isFiltered ? `${formatInteger(matches)} of ${formatInteger(total)}` : formatInteger(total)} entries</span>
    </div>
    ${isFiltered && matches === 0 ? html`<p class="quiet">No entry holds “${filter.trim()}”.</p>` : nothing}
    ${found.map(({ sidecar, rows, found }) => {
      if (isFiltered && found.length === 0) return nothing;
      const title = html`${sidecar.name} <span class="quiet">${formatBytes(sidecar.bytes)}</span>`;
      if (sidecar.error !== undefined)
        return html`<h2>${title}</h2>
          <p class="sidecar-error" data-testid="sidecar-error">${warningIcon()}<span>${sidecar.error}</span></p>`;
      if (rows.length === 0)
        return html`<h2>${title}</h2>
          <p class="quiet">An empty object.</p>`;
      return metadataTable(title, found, events);
    })}
  </section>`;
}

/** The JSON files beside the weights; of an engine that names none, config.json at least. */
export function sidecarsOf({ sidecars, config }: Catalogue): readonly Sidecar[] {
  if (sidecars) return sidecars;
  return config ? [{ name: 'config.json', bytes: JSON.stringify(config).length, value: config }] : [];
}
