/** The selected element: its bits, its exact value, and what it would be in other float types. */
import { html, nothing, type TemplateResult } from 'lit';
import type { BitField, ElementReading, NumberPicture } from '../../../src/protocol/tensorViews';
import { shortenedDecimal, splitDecimal } from '../../state/decimalText';
import { formatInteger, formatNumber } from '../../state/format';

export type ElementState =
  | { readonly kind: 'none' }
  | { readonly kind: 'reading' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'ready'; readonly reading: ElementReading };

export interface ElementEvents {
  copy(text: string): void;
  retry(): void;
}

const typographic = (text: string) => text.replaceAll('-', '−');

/** Bits in the colours and patterns of their fields, one cell a bit. */
function renderBits({ bits, fields }: Pick<NumberPicture, 'bits' | 'fields'>): TemplateResult {
  const label = fields
    .map(({ name, from, to, text }) => `${name} ${bits.slice(from, to).split('').join(' ')}: ${text}`)
    .join('; ');
  return html`<span class="bits" role="img" aria-label=${label}
    >${fields.map(
      ({ name, from, to, text }) =>
        html`<span class="bit-field ${name}" title="${name}: ${text}" aria-hidden="true"
          >${bits
            .slice(from, to)
            .split('')
            .map((bit) => html`<span class="bit">${bit}</span>`)}</span
        >`,
    )}</span
  >`;
}

/** Every digit; those that do not tell the value apart from its neighbours are dim. */
function renderDecimal({ decimal, significant }: Pick<NumberPicture, 'decimal' | 'significant'>) {
  const { head, noise, tail } = splitDecimal(shortenedDecimal(decimal), significant);
  return html`<span class="decimal" title=${decimal}
    >${typographic(head)}${noise ? html`<span class="noise">${noise}</span>` : nothing}${tail}</span
  >`;
}

function fieldKey({ name, text }: BitField): TemplateResult {
  return html`<li><span class="bit-key ${name}" aria-hidden="true"></span>${name} <span class="quiet">${typographic(text)}</span></li>`;
}

function renderReading(reading: ElementReading, events: ElementEvents): TemplateResult {
  const { stored, block, at, index, dtype } = reading;
  const isFlat = at.length === 1;
  const differs = (error: number) =>
    Number.isNaN(error) ? '–' : error === 0 ? 'exact' : formatNumber(error, 3);
  return html`
    <p class="facts" data-testid="element-place">
      [${at.map((each) => formatInteger(each)).join(', ')}]
      ${isFlat ? nothing : html`<span class="quiet">flat ${formatInteger(index)}</span>`}
      ${reading.byteOffset === undefined ? nothing : html`<span class="quiet">byte ${formatInteger(reading.byteOffset)}</span>`}
    </p>
    <p class="value" data-testid="element-value" data-value=${String(reading.value)}>
      <span class="dtype">${dtype}</span>
      ${stored ? renderDecimal(stored) : html`<span class="decimal">${typographic(reading.decimal)}</span>`}
      <button type="button" class="link" @click=${() => events.copy(reading.decimal)}>Copy</button>
    </p>
    ${
      stored
        ? html`<div data-testid="element-bits">${renderBits(stored)}</div>
            <ul class="bit-keys">${stored.fields.map(fieldKey)}</ul>`
        : nothing
    }
    ${
      block
        ? html`<p class="block" data-testid="element-block">${typographic(block.text)}</p>
            <p class="quiet small">
              Element ${formatInteger(block.position)} of block ${formatInteger(block.index)}, ${formatInteger(block.elements)} values a block.
            </p>`
        : nothing
    }
    <table class="as" data-testid="element-as" aria-label="The value in other float types">
      <thead>
        <tr><th scope="col">as</th><th scope="col">value</th><th scope="col" class="number">error</th></tr>
      </thead>
      <tbody>
        ${reading.as.map(
          (each) => html`<tr data-dtype=${each.dtype}>
              <th scope="row">${each.dtype.replace('F8_', 'FP8 ')}</th>
              <td>${renderDecimal(each)}<br />${renderBits(each)}</td>
              <td class="number ${each.error !== 0 ? '' : 'quiet'}" data-error=${each.error}>${differs(each.error)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}

export function renderElement(state: ElementState, events: ElementEvents): TemplateResult {
  return html`<section data-testid="element">
    <h3>Element</h3>
    ${
      state.kind === 'none'
        ? html`<p class="quiet">Click a cell, or move the cursor with the arrow keys, to see its bits.</p>`
        : state.kind === 'reading'
          ? html`<p class="quiet" role="status">Reading the element…</p>`
          : state.kind === 'failed'
            ? html`<p class="failure">${state.message} <button type="button" class="link" @click=${events.retry}>Try again</button></p>`
            : renderReading(state.reading, events)
    }
  </section>`;
}
