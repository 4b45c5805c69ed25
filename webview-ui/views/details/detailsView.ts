/** The details of the selected tensor or module group. */
import { html, nothing, type TemplateResult } from 'lit';
import type { PackedPieces, Piece, TensorStats } from '../../../src/protocol/engineApi';
import { adviceFor } from '../../state/advice';
import { unusualKurtosis } from '../../state/figureTexts';
import {
  formatBits,
  formatBytes,
  formatDecimal,
  formatExactBytes,
  formatInteger,
  formatParameters,
  formatShape,
  formatShare,
} from '../../state/format';
import type { CheckpointSession } from '../../state/session';
import { shapeOf } from '../../state/tableModel';
import { copyIcon } from '../icons';
import './channelView';
import type { DistributionSource, HistogramOverlay } from '../histogram/histogramSource';
import { figuresView, largestView } from './figuresView';
import '../histogram/histogramView';
import './pictureView';
import '../schemeBytes/schemeBytesSection';

/** What is known of the selected tensor's values. */
export type DetailsState =
  | { readonly kind: 'reading' }
  | { readonly kind: 'ready'; readonly stats: TensorStats }
  | { readonly kind: 'impossible'; readonly reason: string };

export interface DetailsEvents {
  copy(text: string): void;
  announce(text: string): void;
  retry(): void;
  /** Opens the tensor viewer. */
  view(tensor: number): void;
}

interface OverlayPicker {
  readonly distribution: DistributionSource;
  readonly pick: () => Promise<HistogramOverlay | undefined>;
}

/** Functions stay the same as long as the tensor does: a histogram keeps its zoom when the pane is drawn again. */
const pickers = new WeakMap<CheckpointSession, { readonly tensor: number; readonly picker: OverlayPicker }>();

function overlayPicker(session: CheckpointSession, tensor: number): OverlayPicker {
  const known = pickers.get(session);
  if (known?.tensor === tensor) return known.picker;
  const { names } = session.catalogue.tensors;
  const picker: OverlayPicker = {
    distribution: (request, signal) => session.readDistribution(tensor, request, signal),
    pick: async () => {
      const other = await session.pickTensor(`Compare ${names[tensor]} with`, tensor);
      return other === undefined
        ? undefined
        : {
            label: names[other]!,
            distribution: (request, signal) => session.readDistribution(other, request, signal),
          };
    },
  };
  pickers.set(session, { tensor, picker });
  return picker;
}

const hex = (value: number) => `0x${value.toString(16)}`;

/** A dotted name that may break after its dots. */
function breakable(name: string): TemplateResult {
  return html`${name.split(/(?<=[./_])/).map((part) => html`${part}<wbr />`)}`;
}

/** Before anything is selected: what one can do here. */
export function emptyDetails(session: CheckpointSession, select: (tensor: number) => void): TemplateResult {
  const { tensors } = session.catalogue;
  return html`<div class="details-empty" data-testid="details-empty">
    ${session.stats.known > 0 ? standouts(session, [...session.table.tree.order], 0, select) : nothing}
    <p>Select a tensor to see its values: figures, distribution, channels and a picture.</p>
    <dl class="keys">
      <div><dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>move through ${formatInteger(tensors.count)} tensors</dd></div>
      <div><dt><kbd>←</kbd> <kbd>→</kbd></dt><dd>fold and unfold a module</dd></div>
      <div><dt><kbd>/</kbd></dt><dd>filter: words, globs, dtype:, shape:, kurtosis:&gt;10</dd></div>
      <div><dt><kbd>b</kbd></dt><dd>bytes under every scheme</dd></div>
      <div><dt><kbd>c</kbd></dt><dd>copy the name</dd></div>
    </dl>
  </div>`;
}

const listedStandouts = 15;

/** The tensors among the members whose kurtosis is unusual, worst first; names without their first `cut` letters. */
function standouts(
  session: CheckpointSession,
  members: readonly number[],
  cut: number,
  select: (tensor: number) => void,
): TemplateResult {
  const { catalogue, stats } = session;
  const unusual = members
    .filter((tensor) => tensor >= 0 && stats.get(tensor, 'kurtosis') > unusualKurtosis)
    .sort((a, b) => stats.get(b, 'kurtosis') - stats.get(a, 'kurtosis'));
  if (unusual.length === 0) return html`<p class="quiet">No tensor stands out by kurtosis.</p>`;
  const rest = unusual.length - listedStandouts;
  return html`<div class="figure-title">
      <h3>Tensors that stand out</h3>
      <span class="quiet">kurtosis above ${unusualKurtosis}</span>
    </div>
    <ul class="plain-list" data-testid="standouts">
      ${unusual.slice(0, listedStandouts).map(
        (tensor) => html`<li>
          <button type="button" class="link mono" @click=${() => select(tensor)}>
            ${breakable(catalogue.tensors.names[tensor]!.slice(cut))}</button
          ><span class="number unusual">${formatDecimal(stats.get(tensor, 'kurtosis'))}</span>
        </li>`,
      )}
    </ul>
    ${rest > 0 ? html`<p class="quiet small">${formatInteger(rest)} more: sort by kurtosis to see them.</p>` : nothing}`;
}

/** A module group: sums, and the tensors that stand out. */
export function groupDetails(
  session: CheckpointSession,
  group: number,
  filter: string,
  select: (tensor: number) => void,
): TemplateResult {
  const { table, catalogue, stats } = session;
  const { key, start, end } = table.tree.groups[group]!;
  const total = table.groupTotals(filter)[group]!;
  const members = [...table.tree.order.subarray(start, end)].filter((entry) => entry >= 0);
  const known = members.filter((tensor) => stats.knowledge(tensor) === 'known').length;
  const share = catalogue.bytes > 0 ? total.bytes / catalogue.bytes : 0;
  return html`<div class="details-content" data-testid="group-details">
    <h2 tabindex="-1">${breakable(key)}</h2>
    <p class="facts">
      ${formatInteger(total.tensors)} tensors · ${formatParameters(total.parameters)} parameters ·
      <span title=${formatExactBytes(total.bytes)}>${formatBytes(total.bytes)}</span> · ${formatShare(share)}
    </p>
    ${
      known < members.length
        ? html`<p class="quiet">${formatInteger(known)} of ${formatInteger(members.length)} tensors analyzed.</p>`
        : nothing
    }
    <tl-scheme-bytes .session=${session} .entry=${~group}></tl-scheme-bytes>
    ${known > 0 ? standouts(session, members, key.length + 1, select) : nothing}
  </div>`;
}

/** A tensor: where it lies, its figures, plots, picture and the sentence. */
export function tensorDetails(
  session: CheckpointSession,
  tensor: number,
  state: DetailsState,
  events: DetailsEvents,
): TemplateResult {
  const { tensors, files } = session.catalogue;
  const name = tensors.names[tensor]!;
  const shape = [...shapeOf(tensors, tensor)];
  const bytes = tensors.bytes[tensor]!;
  const offset = tensors.byteOffset[tensor]!;
  const file = files[tensors.file[tensor]!];
  const pieces = tensors.pieces.find(({ index }) => index === tensor)?.pieces;
  const dtype = tensors.dtypes[tensors.dtype[tensor]!]!;
  const shard = files.length > 1 ? `shard ${tensors.file[tensor]! + 1} at byte` : 'at byte';
  return html`<div class="details-content" data-testid="details" data-selected=${name}>
    <h2 tabindex="-1" data-testid="details-name">
      ${breakable(name)}
      <button type="button" class="icon-button" title="Copy the name (c)" aria-label="Copy the name" @click=${() => events.copy(name)}>${copyIcon()}</button>
    </h2>
    <p class="facts">
      ${dtype} · ${formatShape(shape)} ·
      <span title=${formatExactBytes(bytes)} data-figure="bytes" data-value=${bytes}>${formatBytes(bytes)}</span>
      ·
      <span title="${file?.path ?? ''}\nfrom byte ${formatInteger(offset)} (${hex(offset)}), ${formatExactBytes(bytes)}" data-figure="byteOffset" data-value=${offset}
        >${shard} ${formatInteger(offset)}</span
      >
      ${
        session.unreadable(tensor) === undefined
          ? html`· <button type="button" class="link" data-testid="view-tensor" title="All values of the tensor, at any zoom" @click=${() => events.view(tensor)}>View values</button>`
          : nothing
      }
    </p>
    ${pieces ? packedPieces(pieces) : nothing}
    <tl-scheme-bytes .session=${session} .entry=${tensor}></tl-scheme-bytes>
    ${values(session, tensor, state, shape, dtype, events)}
  </div>`;
}

function values(
  session: CheckpointSession,
  tensor: number,
  state: DetailsState,
  shape: readonly number[],
  dtype: string,
  events: DetailsEvents,
): TemplateResult {
  const { tensors } = session.catalogue;
  if (state.kind === 'reading') {
    return html`<p class="quiet" data-testid="details-reading">
      Reading ${formatInteger(tensors.elements[tensor]!)} values (${formatBytes(tensors.bytes[tensor]!)})…
    </p>`;
  }
  if (state.kind === 'impossible') {
    return html`<div class="advice plain" data-testid="details-impossible">
      <p>No statistics: ${state.reason}</p>
      <button type="button" class="link" @click=${events.retry}>Try again</button>
    </div>`;
  }
  const { stats } = state;
  const advice = adviceFor(stats, { name: stats.name, dtype, shape });
  const overlay = overlayPicker(session, tensor);
  return html`
    ${figuresView(stats)}
    ${advice ? html`<p class="advice ${advice.tone}" data-testid="advice">${advice.text}</p>` : nothing}
    ${
      stats.histogram
        ? html`<tl-histogram
            data-testid="histogram"
            .stats=${stats}
            .distribution=${overlay.distribution}
            .pickOverlay=${overlay.pick}
            .announce=${events.announce}
          ></tl-histogram>`
        : nothing
    }
    ${
      stats.channels && tensors.elements[tensor]! > 1
        ? html`<tl-channels
            .stats=${stats}
            .shape=${shape}
            .onCopy=${events.copy}
            .announce=${events.announce}
          ></tl-channels>`
        : nothing
    }
    ${
      stats.absmax !== null
        ? html`<tl-picture
            .session=${session}
            .tensor=${tensor}
            .stats=${stats}
            .announce=${events.announce}
          ></tl-picture>`
        : nothing
    }
    ${largestView(stats, shape)}
  `;
}

function packedPieces(pieces: PackedPieces): TemplateResult {
  const row = ({ role, span }: Piece) =>
    html`<tr>
      <th scope="row">${role}</th>
      <td class="mono">${breakable(span.name)}</td>
      <td>${span.dtype}</td>
      <td class="number">${formatShape(span.shape)}</td>
      <td class="number" title="at byte ${formatInteger(span.byteOffset)}">${formatInteger(span.bytes)}</td>
    </tr>`;
  return html`<details class="pieces" data-testid="pieces">
    <summary>
      Stored as ${pieces.layout}, ${pieces.bits} bits (${formatBits(pieces.bitsPerWeight)} a weight), in
      ${formatInteger(pieces.parts.length)} ${pieces.parts.length === 1 ? 'tensor' : 'tensors'}
    </summary>
    <table>
      <thead>
        <tr><th></th><th>Tensor</th><th>dtype</th><th class="number">Shape</th><th class="number">Bytes</th></tr>
      </thead>
      <tbody>
        ${pieces.parts.map(row)}
      </tbody>
    </table>
  </details>`;
}
