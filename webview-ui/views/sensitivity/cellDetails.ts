/** Beside the map: a tensor under a scheme, with pictures, figures, and what a recipe can make of it. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';
import type { SequentialName } from '../../draw/colorMaps';
import { formatBits, formatBytes, formatInteger, formatShape } from '../../state/format';
import type { RuleScope } from '../../state/recipeDraft';
import { confidence } from '../../state/rowCells';
import type { KnownCell } from '../../state/sensitivityCells';
import { metrics } from '../../state/sensitivityMetrics';
import type { ChosenMatrix, SensitivityState } from '../../state/sensitivityState';
import { shapeOf } from '../../state/tableModel';
import { nameOf } from './matrixChoice';
import './schemePictures';
import type { ReadErrorTile } from './schemePictures';
import type { SensitivityModel } from './sensitivityModel';

export interface CellSubject {
  readonly tensor: number;
  readonly name: string;
  readonly dtype: string;
  readonly shape: ArrayLike<number>;
  readonly bytes: number;
  readonly offer: SchemeOffer;
  readonly cell: KnownCell | undefined;
  /** How people call its layer and its kind of module. */
  readonly layer: string;
  readonly kind: string;
  /** The tensors of its row, of which this is the worst. */
  readonly others: readonly number[];
  /** Whether the recipe gives the tensor this scheme. */
  readonly isPicked: boolean;
  readonly isRunning: boolean;
  /** The importance matrix that the cell's errors are weighed by. */
  readonly matrix: ChosenMatrix | undefined;
  readonly colorMap: SequentialName;
  readonly generation: string;
}

/** The chosen cell; undefined when none is. */
export function cellSubject(model: SensitivityModel, state: SensitivityState): CellSubject | undefined {
  const { session } = model;
  const { selected } = state;
  const { tensors, generation } = session.catalogue;
  const tensor = selected ? tensors.names.indexOf(selected.tensor) : -1;
  const offer = selected && model.byKey.get(selected.scheme);
  const row = model.rows.find(({ tensors: own }) => own.includes(tensor));
  if (!offer || !row) return undefined;
  return {
    tensor,
    name: selected.tensor,
    dtype: tensors.dtypes[tensors.dtype[tensor]!]!,
    shape: shapeOf(tensors, tensor),
    bytes: tensors.bytes[tensor]!,
    offer,
    cell: model.cells.get(offer.key, tensor),
    layer: row.layer,
    kind: row.label,
    others: selected.row === row.key ? row.tensors : [tensor],
    isPicked: model.pick(state)(tensor) === offer.key,
    isRunning: model.run.progress !== undefined,
    matrix: model.weighing?.keys.includes(offer.key) ? state.matrix : undefined,
    colorMap: session.settings.colorMap,
    generation,
  };
}

export interface CellActions {
  use(scope: RuleScope): void;
  keep(): void;
  exact(what: 'cell' | 'row'): void;
  view(): void;
  /** The error report of the tensor under the scheme. */
  errors(): void;
  announce(text: string): void;
  readonly read: ReadErrorTile;
}

export function cellDetails(subject: CellSubject, actions: CellActions): TemplateResult {
  const { name, dtype, shape, bytes, offer, cell, others } = subject;
  return html`<div class="details-content cell-details" data-testid="cell-details" data-tensor=${name} data-scheme=${offer.key}>
    <h2 tabindex="-1">${name}</h2>
    <p class="facts">${dtype} · ${formatShape(shape)} · ${formatBytes(bytes)}${others.length > 1 ? ` · worst of ${formatInteger(others.length)}` : ''}</p>
    <h3 class="scheme-name">${offer.label}</h3>
    <p class="scheme-detail">${offer.detail}</p>
    ${cell ? figuresOf(cell, subject.matrix) : html`<p class="quiet">Not compared yet.</p>`} ${useButtons(subject, actions)}
    ${cell?.state === 'quantized' ? pictures(subject, actions) : nothing}
    <p class="cell-links">${
      cell?.state === 'quantized'
        ? html`<button type="button" class="link" data-testid="open-errors" title="Zoom, codes, histograms, worst values, and another scheme beside it" @click=${() => actions.errors()}>Error in detail</button> `
        : nothing
    }<button type="button" class="link" @click=${() => actions.view()}>View all values</button></p>
  </div>`;
}

function figuresOf(cell: KnownCell, matrix: ChosenMatrix | undefined): TemplateResult {
  if (cell.state !== 'quantized') {
    return html`<p class="advice ${cell.state === 'failed' ? 'warning' : 'plain'}" data-testid="cell-note">
      ${cell.state === 'failed' ? 'It cannot be quantized so. ' : 'It stays as it is. '}${cell.note ?? ''}
    </p>`;
  }
  const rows: readonly (readonly [string, string])[] = [
    ...metrics.map(({ label, id, format }) => [label.replace(/, (dB|bits)$/, ''), format(cell[id])] as const),
    ['Becomes', cell.to],
    ['Size', formatBytes(cell.bytes)],
    ['Bits a weight', formatBits(cell.bitsPerWeight)],
  ];
  return html`<dl class="figures" data-testid="cell-figures">
      ${rows.map(([label, text]) => html`<div><dt>${label}</dt><dd>${text}</dd></div>`)}
    </dl>
    <p class="quiet small" data-testid="cell-confidence">${cell.sampled ? '≈ ' : ''}${confidence(cell)}</p>
    ${
      cell.note || matrix
        ? html`<p class="quiet small" data-testid="cell-weighing" title=${matrix?.file ?? nothing}>${cell.note ?? `Weighed by ${nameOf(matrix!.file)}; the figures count every error alike.`}</p>`
        : nothing
    }`;
}

function useButtons(subject: CellSubject, actions: CellActions): TemplateResult {
  const { cell, layer, kind, isPicked, isRunning } = subject;
  const canUse = cell?.state === 'quantized';
  const isSampled = cell?.sampled !== undefined || cell === undefined;
  return html`<div class="use-scheme" role="group" aria-label="Recipe">
      ${
        canUse
          ? html`<span class="quiet small">${isPicked ? 'The recipe uses this scheme here.' : 'Use this scheme for'}</span>
            <vscode-button secondary data-testid="use-tensor" ?disabled=${isPicked} @click=${() => actions.use('tensor')}>this tensor</vscode-button>
            <vscode-button secondary data-testid="use-layer" title=${layer} @click=${() => actions.use('layer')}>this layer</vscode-button>
            <vscode-button secondary data-testid="use-kind" title=${`${kind} in all layers`} @click=${() => actions.use('kind')}>every ${kind}</vscode-button>`
          : nothing
      }
      <vscode-button secondary data-testid="keep-tensor" @click=${() => actions.keep()}>Keep as it is</vscode-button>
    </div>
    ${
      isSampled
        ? html`<div class="use-scheme" role="group" aria-label="Exact figures">
            <span class="quiet small">Read every value of</span>
            <vscode-button secondary data-testid="exact-cell" ?disabled=${isRunning} @click=${() => actions.exact('cell')}>this cell</vscode-button>
            <vscode-button secondary data-testid="exact-row" ?disabled=${isRunning} @click=${() => actions.exact('row')}>the whole row</vscode-button>
          </div>`
        : nothing
    }`;
}

function pictures(subject: CellSubject, actions: CellActions): TemplateResult {
  const { name, shape, tensor, offer, matrix, colorMap, generation } = subject;
  const rows = shape.length > 1 ? shape[0]! : 1;
  let elements = 1;
  for (let at = 0; at < shape.length; at++) elements *= shape[at]!;
  return html`<tl-scheme-pictures
    .subject=${`${generation} ${tensor} ${offer.key} ${matrix?.sha256 ?? ''}`}
    .name=${name}
    .size=${{ rows, columns: Math.max(1, elements / Math.max(1, rows)) }}
    .read=${actions.read}
    .colorMap=${colorMap}
    .announce=${(text: string) => actions.announce(text)}
  ></tl-scheme-pictures>`;
}
