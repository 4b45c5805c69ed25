/** `<tl-scheme-pictures>`: a tensor as it is, as a scheme gives it back, and the error between, with one cursor. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type { ErrorTile } from '../../../src/protocol/engineApi';
import { LoupeError } from '../../../src/protocol/rpc';
import { type ColorScale, type SequentialName, sequentialMap, signedMap } from '../../draw/colorMaps';
import { Heatmap, type HeatmapCell } from '../../draw/heatmap';
import { cellAfterKey } from '../../state/cellCursor';
import '../../draw/legend';
import { readTheme } from '../../draw/theme';
import { formatInteger, formatNumber, formatShare } from '../../state/format';
import { type ColourRange, clippedShare, colourRange, shareBeyond } from '../report/colourRange';

export type ReadErrorTile = (rows: number, columns: number, signal: AbortSignal) => Promise<ErrorTile>;

const parts = ['original', 'dequantized', 'error'] as const;
type Part = (typeof parts)[number];
const titles: Readonly<Record<Part, string>> = {
  original: 'Original',
  dequantized: 'Dequantized',
  error: '|Error|',
};
const leastHeight = 48;
const greatestHeight = 150;

export class SchemePictures extends LitElement {
  static override properties = {
    subject: { attribute: false },
    name: { attribute: false },
    size: { attribute: false },
    read: { attribute: false },
    colorMap: { attribute: false },
    announce: { attribute: false },
    tile: { state: true },
    problem: { state: true },
    cursor: { state: true },
    isWhole: { state: true },
  };
  /** Tells tensor and scheme: another one reads anew. */
  declare subject: string;
  declare name: string;
  declare size: { readonly rows: number; readonly columns: number };
  declare read: ReadErrorTile;
  declare colorMap: SequentialName;
  declare announce: (text: string) => void;
  declare private tile: ErrorTile | undefined;
  declare private problem: string | undefined;
  declare private cursor: HeatmapCell | undefined;
  /** Whether colours span all values; else all but the largest few, so that one outlier does not darken the others. */
  declare private isWhole: boolean;
  private range: ColourRange | undefined;
  private heatmaps: Partial<Record<Part, Heatmap>> = {};
  private abort: AbortController | undefined;
  private asked = '';

  constructor() {
    super();
    this.isWhole = false;
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.abort?.abort();
    for (const heatmap of Object.values(this.heatmaps)) heatmap.dispose();
    this.heatmaps = {};
    this.asked = '';
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('subject')) {
      this.tile = undefined;
      this.problem = undefined;
      this.cursor = undefined;
    }
    const { tile } = this;
    if (changed.has('subject') || changed.has('tile') || changed.has('isWhole'))
      this.range =
        tile &&
        colourRange(this.isWhole ? 'whole' : 'clipped', [{ overview: tile, shown: tile, maxError: 0 }]);
  }

  protected override updated(changed: PropertyValues): void {
    const { rows, columns } = this.size;
    const height = Math.max(leastHeight, Math.min(greatestHeight, (this.clientWidth * rows) / columns));
    for (const part of parts) {
      const canvas = this.querySelector<HTMLCanvasElement>(`canvas[data-part="${part}"]`);
      if (!canvas) continue;
      canvas.style.height = `${Math.round(height)}px`;
      this.heatmaps[part] ??= new Heatmap(canvas, {
        scale: this.scale(part),
        onTheme: () => this.heatmaps[part]?.setScale(this.scale(part)),
        onResize: (width, pixels) => {
          if (part === 'original') this.ask(width, pixels);
        },
      });
      if ((changed.has('tile') || changed.has('isWhole')) && this.tile) {
        this.heatmaps[part].setScale(this.scale(part));
        this.heatmaps[part].setGrid(this.tile.rows, this.tile.columns, this.tile[part]);
      }
      this.heatmaps[part].setCursor(this.cursor ?? null);
    }
    const { width, height: pixels } = this.heatmaps.original?.pixels ?? { width: 0, height: 0 };
    if (changed.has('subject') && width > 0) this.ask(width, pixels);
  }

  protected override render() {
    if (this.problem)
      return html`<p class="advice plain" role="alert">The pictures cannot be drawn: ${this.problem}</p>`;
    const { tile } = this;
    return html`${parts.map((part) => {
      const { max } = this.scale(part);
      return html`<div class="figure-title">
          <h3>${titles[part]}${part === 'error' && this.cellText ? html` <span class="quiet">mean of ${this.cellText}</span>` : nothing}</h3>
          ${
            tile
              ? html`<tl-legend
                  .scale=${this.scale(part)}
                  .low=${part === 'error' ? '0' : `${this.isClipped(part) ? '≤ ' : ''}${formatNumber(-max, 3)}`}
                  .high=${`${this.isClipped(part) ? '≥ ' : ''}${formatNumber(max, 3)}`}
                  .label=${titles[part]}
                ></tl-legend>`
              : part === 'original'
                ? html`<span class="quiet small" role="status">Quantizing this tensor…</span>`
                : nothing
          }
        </div>
        <canvas
          class="picture"
          data-part=${part}
          tabindex=${part === 'original' ? 0 : -1}
          role="img"
          aria-label="${titles[part]} values of ${this.name}. Arrow keys read single cells."
          @mousemove=${(event: MouseEvent) => {
            this.cursor = this.heatmaps[part]?.cellAt(event.clientX, event.clientY) ?? undefined;
          }}
          @mouseleave=${() => {
            this.cursor = undefined;
          }}
          @keydown=${this.onKey}
        ></canvas>`;
    })}
      ${tile ? this.renderRange(tile) : nothing}
      <p class="readout quiet" data-testid="scheme-readout" aria-hidden="true">${tile ? (this.cursor ? this.describe(this.cursor) : 'Point at a cell for its values.') : ''}</p>`;
  }

  /** What the colours span, the share beyond them, and the other choice. */
  private renderRange(tile: ErrorTile) {
    const { range, isWhole } = this;
    const values = shareBeyond(tile.original, range?.signed ?? 0);
    const errors = shareBeyond(tile.error, range?.error ?? 0);
    const text = isWhole
      ? 'Colours span the whole range.'
      : `Colours span ${formatShare(clippedShare)} of the cells: ${formatShare(values)} of the values and ${formatShare(errors)} of the errors lie beyond, in the colour of the end.`;
    return html`<p class="quiet small" data-testid="scheme-range">${text}
      <button
        type="button"
        class="link"
        data-testid="scheme-range-toggle"
        @click=${() => {
          this.isWhole = !isWhole;
        }}
      >${isWhole ? `Span ${formatShare(clippedShare)}` : 'Span all'}</button>
    </p>`;
  }

  private isClipped(part: Part): boolean {
    return (part === 'error' ? this.range?.errorClipped : this.range?.signedClipped) ?? false;
  }

  private scale(part: Part): ColorScale {
    const { range } = this;
    if (part === 'error') return { map: sequentialMap(this.colorMap), min: 0, max: range?.error ?? 1 };
    // One scale for both, so that they can be compared.
    const max = range?.signed ?? 1;
    return { map: signedMap(readTheme().background), min: -max, max };
  }

  private get cellText(): string {
    if (!this.tile) return '';
    const rows = Math.round(this.size.rows / this.tile.rows);
    const columns = Math.round(this.size.columns / this.tile.columns);
    return rows <= 1 && columns <= 1 ? '' : `${formatInteger(rows)} × ${formatInteger(columns)}`;
  }

  private describe({ row, column }: HeatmapCell): string {
    const tile = this.tile!;
    const index = row * tile.columns + column;
    const first = (at: number, cells: number, size: number) => formatInteger(Math.floor((at * size) / cells));
    const place = `row ${first(row, tile.rows, this.size.rows)}, column ${first(column, tile.columns, this.size.columns)}`;
    const [original, dequantized, error] = parts.map((part) => formatNumber(tile[part][index]!, 4));
    return `${place}: ${original} → ${dequantized}, |error| ${error}`;
  }

  private ask(width: number, height: number): void {
    const rows = Math.max(1, Math.min(this.size.rows, height));
    const columns = Math.max(1, Math.min(this.size.columns, width));
    const key = `${this.subject} ${rows} ${columns}`;
    if (this.asked === key) return;
    this.asked = key;
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.read(rows, columns, abort.signal).then(
      (tile) => {
        if (!abort.signal.aborted) this.tile = tile;
      },
      (thrown) => {
        const error = LoupeError.from(thrown);
        if (!abort.signal.aborted && error.code !== 'cancelled') this.problem = error.message;
      },
    );
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (!this.tile) return;
    const next = cellAfterKey(event, this.cursor, this.tile);
    if (!next) return;
    event.preventDefault();
    this.cursor = next;
    this.announce(this.describe(this.cursor));
  };
}

customElements.define('tl-scheme-pictures', SchemePictures);
