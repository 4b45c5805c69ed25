/** `<tl-picture>`: a tensor's values as a picture, asked for at the size it is drawn in. */
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import type { TensorStats, Tile } from '../../../src/protocol/engineApi';
import { LoupeError } from '../../../src/protocol/rpc';
import { type ColorScale, sequentialMap } from '../../draw/colorMaps';
import { Heatmap, type HeatmapCell } from '../../draw/heatmap';
import { cellAfterKey } from '../../state/cellCursor';
import '../../draw/legend';
import { formatInteger, formatNumber } from '../../state/format';
import type { CheckpointSession } from '../../state/session';
import { pictureRange } from '../../state/valueRange';

const leastHeight = 56;
const greatestHeight = 200;

export class PictureView extends LitElement {
  static override properties = {
    session: { attribute: false },
    tensor: { attribute: false },
    stats: { attribute: false },
    announce: { attribute: false },
    tile: { state: true },
    problem: { state: true },
    cursor: { state: true },
  };
  declare session: CheckpointSession;
  declare tensor: number;
  declare stats: TensorStats;
  declare announce: (text: string) => void;
  declare private tile: Tile | undefined;
  declare private problem: string | undefined;
  declare private cursor: HeatmapCell | undefined;
  private heatmap: Heatmap | undefined;
  private abort: AbortController | undefined;
  private asked = '';

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.abort?.abort();
    this.heatmap?.dispose();
    this.heatmap = undefined;
    this.asked = '';
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('stats')) return;
    this.tile = undefined;
    this.problem = undefined;
    this.cursor = undefined;
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    const canvas = this.querySelector('canvas.picture') as HTMLCanvasElement | null;
    if (!canvas) return;
    const { rows, columns } = this.size;
    const height = Math.max(leastHeight, Math.min(greatestHeight, (this.clientWidth * rows) / columns));
    canvas.style.height = `${Math.round(height)}px`;
    this.heatmap ??= new Heatmap(canvas, {
      scale: this.scale,
      onResize: (width, pixels) => this.ask(width, pixels),
    });
    if (changed.has('stats') || changed.has('tensor')) {
      this.heatmap.setScale(this.scale);
      const { width, height: pixels } = this.heatmap.pixels;
      if (width > 0) this.ask(width, pixels);
    }
    if (changed.has('tile') && this.tile) {
      this.heatmap.setGrid(this.tile.rows, this.tile.columns, this.tile.values.map(Math.abs));
    }
    if (changed.has('cursor')) this.heatmap.setCursor(this.cursor ?? null);
  }

  protected override render() {
    const { isCut, max } = pictureRange(this.stats);
    const low = '0';
    const high = `${isCut ? '≥ ' : ''}${formatNumber(max, 3)}`;
    return html`
      <div class="figure-title">
        <h3>Values, |w|${this.cellText}</h3>
        <tl-legend .scale=${this.scale} .low=${low} .high=${high} .label=${'Absolute values'}></tl-legend>
      </div>
      ${this.problem ? html`<p class="quiet small">${this.problem}</p>` : nothing}
      <canvas
        class="picture"
        tabindex="0"
        role="img"
        data-testid="picture"
        aria-label="Picture of the values of ${this.stats.name}. Arrow keys read single cells."
        ?hidden=${this.problem !== undefined}
        @mousemove=${(event: MouseEvent) => {
          this.cursor = this.heatmap?.cellAt(event.clientX, event.clientY) ?? undefined;
        }}
        @mouseleave=${() => {
          this.cursor = undefined;
        }}
        @keydown=${this.onKey}
      ></canvas>
      <div class="readout quiet" aria-hidden="true">${this.readout}</div>
    `;
  }

  /** The tensor seen as a matrix: rows = first dimension, columns = the rest; a 1-D tensor is one row. */
  private get size(): { rows: number; columns: number } {
    const { tensors } = this.session.catalogue;
    const start = this.tensor === 0 ? 0 : tensors.shapeEnd[this.tensor - 1]!;
    const dimensions = tensors.shapeEnd[this.tensor]! - start;
    const elements = tensors.elements[this.tensor]!;
    const rows = dimensions > 1 ? tensors.shapes[start]! : 1;
    return { rows: Math.max(1, rows), columns: Math.max(1, elements / Math.max(1, rows)) };
  }

  private get scale(): ColorScale {
    const { max } = pictureRange(this.stats);
    return { map: sequentialMap(this.session.settings.colorMap), min: 0, max: max || 1 };
  }

  private get cellText(): TemplateResult | typeof nothing {
    if (!this.tile) return nothing;
    const rows = this.size.rows / this.tile.rows;
    const columns = this.size.columns / this.tile.columns;
    if (rows <= 1 && columns <= 1) return nothing;
    const isWhole = Number.isInteger(rows) && Number.isInteger(columns);
    const cell = `${formatInteger(Math.round(rows))} × ${formatInteger(Math.round(columns))}`;
    return html` <span class="quiet">largest of ${isWhole ? '' : 'about '}${cell}</span>`;
  }

  private get readout(): string {
    return this.tile ? (this.cursor ? this.describe(this.cursor) : '') : 'Reading the values…';
  }

  private describe({ row, column }: HeatmapCell): string {
    const tile = this.tile!;
    const range = (index: number, cells: number, size: number) => {
      const first = Math.floor((index * size) / cells);
      const last = Math.max(first, Math.ceil(((index + 1) * size) / cells) - 1);
      return first === last ? formatInteger(first) : `${formatInteger(first)}–${formatInteger(last)}`;
    };
    const rows = range(row, tile.rows, this.size.rows);
    const columns = range(column, tile.columns, this.size.columns);
    return `row ${rows}, column ${columns}: ${formatNumber(tile.values[row * tile.columns + column]!)}`;
  }

  private ask(width: number, height: number): void {
    const rows = Math.min(this.size.rows, height);
    const columns = Math.min(this.size.columns, width);
    const key = `${this.tensor} ${rows} ${columns} ${this.session.catalogue.generation}`;
    if (this.asked === key && this.tile) return;
    this.asked = key;
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.session.readTile(this.tensor, rows, columns, abort.signal).then(
      (tile) => {
        if (!abort.signal.aborted) this.tile = tile;
      },
      (thrown) => {
        const error = LoupeError.from(thrown);
        if (!abort.signal.aborted && error.code !== 'cancelled') this.problem = error.message;
      },
    );
  }

  private onKey(event: KeyboardEvent): void {
    if (!this.tile) return;
    const next = cellAfterKey(event, this.cursor, this.tile);
    if (!next) return;
    event.preventDefault();
    this.cursor = next;
    this.announce(this.describe(this.cursor));
  }
}

customElements.define('tl-picture', PictureView);
