/** The chosen tensor: figures, a plain sentence, the linked pictures of one or two schemes, and what the whole tensor tells. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type {
  ErrorDetail,
  QuantizeReport,
  Region,
  SchemeChoice,
  TensorError,
} from '../../../src/protocol/engineApi';
import type { ComparedScheme } from '../../../src/protocol/webviewApi';
import type { SequentialName } from '../../draw/colorMaps';
import { clippedShare, type RangeMode } from './colourRange';
import './errorDetail';
import type { ElementPlace } from './errorDetail';
import { count, shapeText, size } from './figures';
import { isQuantized } from './metrics';
import { type PictureKind, pictureKinds, pictureTitles, toggledKinds } from './pictureKinds';
import './pictures';
import type { PictureSide, Pictures } from './pictures';
import { remark } from './remark';
import { type StripProfile, stripProfile } from './stripProfile';
import { figureDifference, type TensorFigure, tensorFigures } from './tensorFigures';
import type { FetchTile } from './tileLoader';
import { matrixShape } from './viewport';

export interface ChosenTensor {
  /** Index into the catalogue; -1 when the source no longer holds it. */
  readonly index: number;
  readonly row: TensorError;
  readonly shape: readonly number[];
}

/** Asks for a tile under the report's scheme, or under another. */
export type FetchSchemeTile = (
  request: Parameters<FetchTile>[0] & { choice?: SchemeChoice },
  signal: AbortSignal,
) => ReturnType<FetchTile>;

/** Details of one scheme, and what of them the pictures show. */
interface Loaded {
  readonly detail: ErrorDetail;
  readonly rows: StripProfile;
  readonly columns: StripProfile;
}

/**
 * `<tl-tensor-panel>`: fires `tl-range` with a RangeMode, `tl-kinds` with the pictures to show, `tl-compare` (true: ask for
 * a scheme, false: take it away), `tl-log`; `tl-region` bubbles out of the pictures' element.
 */
export class TensorPanel extends LitElement {
  static override properties = {
    report: { attribute: false },
    label: { attribute: false },
    chosen: { attribute: false },
    compare: { attribute: false },
    mode: { attribute: false },
    kinds: { attribute: false },
    isLog: { attribute: false },
    colorMap: { attribute: false },
    startRegion: { attribute: false },
    fetchTile: { attribute: false },
    fetchDetail: { attribute: false },
    loaded: { state: true },
    failures: { state: true },
  };

  declare report: QuantizeReport;
  /** What the report's scheme is called. */
  declare label: string;
  declare chosen: ChosenTensor | undefined;
  declare compare: ComparedScheme | undefined;
  declare mode: RangeMode;
  declare kinds: readonly PictureKind[];
  declare isLog: boolean;
  declare colorMap: SequentialName;
  declare startRegion: Region | undefined;
  declare fetchTile: FetchSchemeTile;
  declare fetchDetail: (
    tensor: number,
    choice: SchemeChoice | undefined,
    signal: AbortSignal,
  ) => Promise<ErrorDetail>;
  /** Of the report's scheme and of the compared one. */
  declare private loaded: readonly (Loaded | undefined)[];
  declare private failures: readonly (string | undefined)[];

  private readonly running: (AbortController | undefined)[] = [];
  private sides: readonly PictureSide[] = [];
  private otherFetch: FetchTile | undefined;

  constructor() {
    super();
    this.loaded = [];
    this.failures = [];
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const each of this.running) each?.abort();
  }

  protected override willUpdate(changed: PropertyValues): void {
    const before = changed.get('chosen') as ChosenTensor | undefined;
    const isOther = changed.has('chosen') && before?.index !== this.chosen?.index;
    const { compare } = this;
    if (changed.has('compare')) {
      const choice = compare?.choice;
      this.otherFetch = choice && ((request, signal) => this.fetchTile({ ...request, choice }, signal));
    }
    if (isOther) void this.load(0);
    if (isOther || changed.has('compare')) void this.load(1);
    if (['chosen', 'compare', 'loaded', 'label'].some((key) => changed.has(key)))
      this.sides = this.sidesNow();
  }

  private sidesNow(): readonly PictureSide[] {
    const { chosen, compare, loaded, otherFetch } = this;
    if (!chosen) return [];
    const profiles = (side: number) => ({ rows: loaded[side]?.rows, columns: loaded[side]?.columns });
    const first = { maxError: this.knownRow(chosen).maxAbs, fetchTile: this.fetchTile, ...profiles(0) };
    if (!compare || !otherFetch) return [{ label: '', ...first }];
    const maxError = loaded[1]?.detail.tensor.maxAbs ?? 0;
    return [
      { label: this.label, ...first },
      { label: compare.label, maxError, fetchTile: otherFetch, ...profiles(1) },
    ];
  }

  /** The tensor's row, with the figures of its details where the report has none. */
  private knownRow({ row }: ChosenTensor): TensorError {
    const measured = row.isUnmeasured ? this.loaded[0]?.detail.tensor : undefined;
    if (!measured) return row.isUnmeasured ? { ...row, maxAbs: 0 } : row;
    const { mse, sqnr, maxAbs, cosine, meanAbs } = measured;
    const { isUnmeasured: _, ...about } = row;
    return { ...about, mse, sqnr, maxAbs, cosine, meanAbs };
  }

  /** 0: the report's scheme, 1: the compared one. */
  private async load(side: 0 | 1): Promise<void> {
    const put = (loaded: Loaded | undefined, failure: string | undefined) => {
      this.loaded = side === 0 ? [loaded, this.loaded[1]] : [this.loaded[0], loaded];
      this.failures = side === 0 ? [failure, this.failures[1]] : [this.failures[0], failure];
    };
    this.running[side]?.abort();
    this.running[side] = undefined;
    put(undefined, undefined);
    const { chosen, compare } = this;
    if (!chosen || chosen.index < 0 || !isQuantized(chosen.row) || (side === 1 && !compare)) return;
    const controller = new AbortController();
    this.running[side] = controller;
    try {
      const choice = side === 0 ? undefined : compare!.choice;
      const detail = await this.fetchDetail(chosen.index, choice, controller.signal);
      if (this.running[side] !== controller) return;
      const [rows, columns] = [stripProfile(detail.rowError), stripProfile(detail.columnError)];
      put({ detail, rows, columns }, undefined);
    } catch (error) {
      if (this.running[side] === controller)
        put(undefined, error instanceof Error ? error.message : String(error));
    }
  }

  protected override render() {
    const { chosen } = this;
    if (!chosen) return html`<p class="empty">Choose a tensor in the map to see where its error lies.</p>`;
    const { row } = chosen;
    return html`<section class="tensor" aria-label=${row.name} data-testid="tensor-panel">
      <h2 title=${row.name}>${row.name}</h2>
      <p class="quiet">
        ${isQuantized(row) ? `${row.from} → ${row.to}` : row.from} · ${shapeText(chosen.shape)} ·
        <span title=${`${count(row.bytes)} bytes`}>${size(row.bytes)}</span>
      </p>
      ${this.renderBody(chosen)}
    </section>`;
  }

  private renderBody(chosen: ChosenTensor) {
    const { row } = chosen;
    if (!isQuantized(row))
      return html`<p class="remark">${this.report.comparison ? `${row.from} in both` : `Kept as ${row.from}`}${row.note ? `: ${row.note}` : ''}. It carries no error.</p>`;
    if (chosen.index < 0)
      return html`<p class="remark warning">The source no longer holds this tensor, so its values cannot be shown.</p>`;
    const { rows, columns } = matrixShape(chosen.shape);
    const { compare } = this;
    return html`${this.renderFigures(chosen, rows * columns)}
      <p class="remark" data-testid="remark">${remark(this.knownRow(chosen), this.report.tensors, this.report, this.loaded[0]?.detail) || '\u2026'}</p>
      <div class="tools" role="toolbar" aria-label="Schemes and pictures">
        ${
          compare
            ? html`<span class="compared"><span class="quiet">beside</span> ${compare.label}</span>
              <button class="link" data-testid="compare" @click=${() => this.fire('tl-compare', true)}>Another…</button>
              <button class="link" data-testid="compare-end" @click=${() => this.fire('tl-compare', false)}>Remove</button>`
            : html`<button class="tool" data-testid="compare" @click=${() => this.fire('tl-compare', true)}>Compare with Another Scheme…</button>`
        }
      </div>
      <div class="tools" role="toolbar" aria-label="Pictures">
        <span class="toggles" role="group" aria-label="Pictures shown">${pictureKinds.map(
          (kind) => html`<button
            class="toggle"
            data-kind=${kind}
            aria-pressed=${this.kinds.includes(kind)}
            @click=${() => this.fire('tl-kinds', toggledKinds(this.kinds, kind))}
          >${pictureTitles[kind]}</button>`,
        )}</span>
        <label>Colours span
          <vscode-single-select
            data-testid="range"
            .value=${this.mode}
            @change=${(event: Event) => this.fire('tl-range', (event.target as HTMLInputElement).value)}
          >
            <vscode-option value="clipped">${100 * clippedShare} % of cells</vscode-option>
            <vscode-option value="whole">the whole range</vscode-option>
            <vscode-option value="view">what is shown</vscode-option>
          </vscode-single-select>
        </label>
        <span class="spring"></span>
        <span class="zoom"><button class="tool" title="Zoom out (-)" aria-label="Zoom out" @click=${() => this.pictures?.zoom(0.5)}>−</button>
        <button class="tool" title="Zoom in (+)" aria-label="Zoom in" @click=${() => this.pictures?.zoom(2)}>+</button>
        <button class="tool" title="Show the whole tensor (0)" @click=${() => this.pictures?.fit()}>Fit</button></span>
      </div>
      <tl-pictures
        .tensor=${chosen.index}
        .name=${row.name}
        .rows=${rows}
        .columns=${columns}
        .sides=${this.sides}
        .kinds=${this.kinds}
        .mode=${this.mode}
        .colorMap=${this.colorMap}
        .startRegion=${this.startRegion}
        @tl-region=${(event: CustomEvent<Region>) => this.fire('tl-region', event.detail)}
      ></tl-pictures>
      <div class="details" data-sides=${this.sides.length}>${this.sides.map((_, side) => this.renderDetail(side as 0 | 1))}</div>`;
  }

  private renderFigures(chosen: ChosenTensor, elements: number) {
    const { compare, loaded } = this;
    const first = tensorFigures(this.knownRow(chosen), elements, loaded[0]?.detail.kl);
    const text = ({ value, format, unit }: TensorFigure) =>
      value === undefined ? '\u2026' : `${format(value)} ${unit}`;
    const data = ({ value }: TensorFigure) => (value === undefined ? nothing : String(value));
    if (!compare)
      return html`<dl class="figures">
        ${first.map(
          (each) => html`<div>
            <dt>${each.label}</dt>
            <dd data-figure=${each.name} data-value=${data(each)}>${text(each)}</dd>
          </div>`,
        )}
      </dl>`;
    const other = loaded[1]?.detail;
    const second = other && tensorFigures(other.tensor, elements, other.kl);
    return html`<table class="figure-table figures" data-testid="figure-table" aria-label="Figures of both schemes">
        <thead>
          <tr>
            <td></td>
            <th scope="col" class="number">${this.label}</th>
            <th scope="col" class="number">${compare.label}</th>
            <th scope="col" class="number">Difference</th>
          </tr>
        </thead>
        <tbody>
          ${first.map((each, i) => {
            const counterpart = second?.[i];
            const difference = counterpart && figureDifference(each, counterpart);
            return html`<tr>
              <th scope="row">${each.label}</th>
              <td class="number" data-figure=${each.name} data-value=${data(each)}>${text(each)}</td>
              <td class="number" data-figure=${`${each.name}-2`} data-value=${counterpart ? data(counterpart) : nothing}>${counterpart ? text(counterpart) : '\u2026'}</td>
              <td class="number">${difference && difference.verdict !== 'equal' ? html`${difference.text} <span class="quiet">${difference.verdict}</span>` : (difference?.text ?? '')}</td>
            </tr>`;
          })}
        </tbody>
      </table>
      ${
        other && !isQuantized(other.tensor)
          ? html`<p class="remark">${compare.label} keeps this tensor as ${other.tensor.from}${other.tensor.note ? `: ${other.tensor.note}` : ''}.</p>`
          : nothing
      }`;
  }

  private renderDetail(side: 0 | 1) {
    const failure = this.failures[side];
    if (failure !== undefined)
      return html`<p class="failure" role="alert">${this.sides[side]!.label} The distributions could not be computed: ${failure}
        <button class="link" @click=${() => void this.load(side)}>Try again</button></p>`;
    const detail = this.loaded[side]?.detail;
    if (!detail) return html`<p class="quiet" role="status">Computing distributions and profiles…</p>`;
    return html`<tl-error-detail
      .detail=${detail}
      .label=${this.sides[side]!.label}
      .isLog=${this.isLog}
      @tl-log=${(event: CustomEvent<boolean>) => this.fire('tl-log', event.detail)}
      @tl-go=${({ detail: place }: CustomEvent<ElementPlace>) =>
        this.pictures?.showElement(place, place.row !== undefined && place.column !== undefined)}
    ></tl-error-detail>`;
  }

  private get pictures(): Pictures | null {
    return this.querySelector('tl-pictures');
  }

  private fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define('tl-tensor-panel', TensorPanel);
