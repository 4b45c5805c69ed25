/** The table of what a tensor or a module takes under every scheme. */
import { html, type TemplateResult } from 'lit';
import type { SchemeBytes } from '../../../src/protocol/schemeBytesApi';
import { formatBytes, formatExactBytes } from '../../state/format';
import { type SchemeBytesRow, schemeBytesGroups } from '../../state/schemeBytes';

export function schemeBytesTable(told: SchemeBytes, isGguf: boolean): TemplateResult {
  return html`<div class="scheme-bytes-groups">
    ${schemeBytesGroups(told, isGguf).map(
      ({ title, rows }) => html`<table data-testid="scheme-bytes">
        <thead>
          <tr>
            <th scope="col">${title}</th>
            <th scope="col" class="number">Bytes</th>
            <th scope="col" class="number" title="Bits a weight, with scales">Bits</th>
          </tr>
        </thead>
        <tbody>${rows.map(row)}</tbody>
      </table>`,
    )}
  </div>`;
}

function row({ scheme, label, bytes, bitsPerWeight, note, reason }: SchemeBytesRow): TemplateResult {
  return html`<tr data-scheme=${scheme} class=${note === 'kept' ? 'quiet' : ''}>
    <th scope="row">
      ${label}${note === '' ? '' : html` <span class="quiet" title=${reason ?? ''}>${note}</span>`}
    </th>
    <td class="number" title=${formatExactBytes(bytes)}>${formatBytes(bytes)}</td>
    <td class="number">${bitsPerWeight.toFixed(2)}</td>
  </tr>`;
}
