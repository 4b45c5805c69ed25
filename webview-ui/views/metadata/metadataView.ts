/** Metadata: every key of the file, searchable; long arrays are read as they are scrolled. */
import '@vscode-elements/elements/dist/vscode-textfield/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import { formatInteger } from '../../state/format';
import { filterMetadata, type MetadataRow, type MetadataSection } from '../../state/metadataRows';
import type { CheckpointSession } from '../../state/session';
import './arrayView';
import { copyIcon } from '../icons';

export interface MetadataEvents {
  filter(text: string): void;
  copy(text: string): void;
  /** Something was opened or closed: draw anew. */
  changed(): void;
}

/** Rows drawn at once; a filter finds the others. */
const shownRows = 600;
const longValue = 240;

export function metadataView(
  session: CheckpointSession,
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
        ? html`<p class="quiet">The file has no metadata.</p>`
        : matches === 0
          ? html`<p class="quiet">No entry holds “${filter.trim()}”.</p>`
          : nothing
    }
    ${found.map((section) => (section.found.length > 0 ? metadataTable(section.title, section.found, events, session) : nothing))}
  </section>`;
}

/** Rows as a table; with a session, the long arrays among them can be paged through. */
export function metadataTable(
  title: string | TemplateResult,
  rows: readonly MetadataRow[],
  events: MetadataEvents,
  session?: CheckpointSession,
): TemplateResult {
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
            <td class="value">${session && row.pagedLength !== undefined ? arrayCell(row, row.pagedLength, session, events) : valueCell(row.value)}</td>
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

/** Arrays that are open, by session and key: their lists exist only while they are looked at. */
const opened = new WeakMap<CheckpointSession, Set<string>>();

function arrayCell(
  row: MetadataRow,
  length: number,
  session: CheckpointSession,
  events: MetadataEvents,
): TemplateResult {
  const open = opened.get(session) ?? new Set();
  opened.set(session, open);
  const toggle = (event: Event) => {
    const isOpen = (event.target as HTMLDetailsElement).open;
    if (isOpen === open.has(row.key)) return;
    if (isOpen) open.add(row.key);
    else open.delete(row.key);
    events.changed();
  };
  return html`<details ?open=${open.has(row.key)} @toggle=${toggle}>
    <summary>${row.value.length > longValue ? `${row.value.slice(0, longValue)}…` : row.value}</summary>
    ${
      open.has(row.key)
        ? html`<tl-array
            .values=${session.array(row.key, length)}
            .label=${row.key}
            .onCopy=${events.copy}
          ></tl-array>`
        : nothing
    }
  </details>`;
}
