/** Metadata: every key of the file and of config.json, searchable. */
import '@vscode-elements/elements/dist/vscode-textfield/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import { formatInteger } from '../state/format';
import { filterMetadata, type MetadataRow, type MetadataSection } from '../state/metadataRows';
import { copyIcon } from './icons';

export interface MetadataEvents {
  filter(text: string): void;
  copy(text: string): void;
}

/** Rows drawn at once; a filter finds the others. */
const shownRows = 600;
const longValue = 240;

export function metadataView(
  sections: readonly MetadataSection[],
  filter: string,
  events: MetadataEvents,
): TemplateResult {
  const found = sections.map((section) => ({ ...section, found: filterMetadata(section.rows, filter) }));
  const total = found.reduce((sum, section) => sum + section.rows.length, 0);
  const matches = found.reduce((sum, section) => sum + section.found.length, 0);
  return html`<section class="page" data-testid="metadata">
    <div class="toolbar page-toolbar">
      <vscode-textfield
        class="filter"
        data-testid="metadata-filter"
        placeholder="Filter keys, types and values"
        .label=${'Filter metadata'}
        .value=${filter}
        @input=${(event: Event) => events.filter((event.target as HTMLInputElement).value)}
      ></vscode-textfield>
      <span class="quiet count" aria-live="polite">${filter.trim() === '' ? formatInteger(total) : `${formatInteger(matches)} of ${formatInteger(total)}`} entries</span>
    </div>
    ${
      total === 0
        ? html`<p class="quiet">The file has no metadata, and there is no config.json beside it.</p>`
        : matches === 0
          ? html`<p class="quiet">No entry holds “${filter.trim()}”.</p>`
          : nothing
    }
    ${found.map((section) => (section.found.length > 0 ? sectionTable(section.title, section.found, events) : nothing))}
  </section>`;
}

function sectionTable(title: string, rows: readonly MetadataRow[], events: MetadataEvents): TemplateResult {
  return html`<h2>${title}</h2>
    <table class="sheet metadata">
      <thead>
        <tr><th scope="col">Key</th><th scope="col">Type</th><th scope="col">Value</th><th scope="col"><span class="visually-hidden">Copy</span></th></tr>
      </thead>
      <tbody>
        ${rows.slice(0, shownRows).map(
          (row) => html`<tr data-key=${row.key}>
            <th scope="row" class="mono">${row.key.split(/(?<=[._])/).map((part) => html`${part}<wbr />`)}</th>
            <td class="quiet">${row.type}</td>
            <td class="value">${valueCell(row.value)}</td>
            <td class="action"><button type="button" class="icon-button" title="Copy the value" aria-label="Copy the value of ${row.key}" @click=${() => events.copy(row.value)}>${copyIcon()}</button></td>
          </tr>`,
        )}
      </tbody>
    </table>
    ${
      rows.length > shownRows
        ? html`<p class="quiet">${formatInteger(rows.length - shownRows)} more: narrow the filter to see them.</p>`
        : nothing
    }`;
}

function valueCell(value: string): TemplateResult {
  if (value === '') return html`<span class="quiet">(empty)</span>`;
  if (value.length <= longValue && !value.includes('\n')) return html`${value}`;
  const head = value.slice(0, longValue).split('\n')[0]!;
  return html`<details>
    <summary>${head}… <span class="quiet">${formatInteger(value.length)} characters</span></summary>
    <pre>${value}</pre>
  </details>`;
}
