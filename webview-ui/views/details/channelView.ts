/** `<tl-channels>`: absmax per row or column, outliers marked and named, with a cursor for the keyboard. */
import { html, LitElement, nothing } from 'lit';
import type { AxisStats, TensorStats } from '../../../src/protocol/engineApi';
import { ChannelPlot } from '../../draw/channelPlot';
import { channelWords, telltaleAxis } from '../../state/advice';
import { formatInteger, formatNumber, shortNumber } from '../../state/format';

const height = 118;
/** Outliers named at once; the rest on request. */
const namedOutliers = 12;

export class ChannelView extends LitElement {
  static override properties = {
    stats: { attribute: false },
    shape: { attribute: false },
    onCopy: { attribute: false },
    announce: { attribute: false },
    axis: { state: true },
    cursor: { state: true },
    showsAll: { state: true },
  };
  declare stats: TensorStats;
  declare shape: readonly number[];
  declare onCopy: (text: string) => void;
  declare announce: (text: string) => void;
  /** Chosen by hand; otherwise the axis with the outliers. */
  declare private axis: 'rows' | 'columns' | undefined;
  declare private cursor: number | undefined;
  declare private showsAll: boolean;
  private plot: ChannelPlot | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.plot?.dispose();
    this.plot = undefined;
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('stats')) return;
    this.axis = undefined;
    this.cursor = undefined;
    this.showsAll = false;
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('stats') && !changed.has('axis')) return;
    const host = this.querySelector<HTMLElement>('.plot');
    if (!host || !this.stats.channels) return;
    this.plot ??= new ChannelPlot(host, height);
    const { absmax, outliers, median } = this.figures;
    this.plot.show({
      absmax,
      outliers,
      median,
      format: shortNumber,
      summary: `Largest absolute value of each ${this.word(1)}. ${this.outlierSentence} Left and right move through the ${this.word(2)}.`,
      onCursor: (channel) => {
        this.cursor = channel;
      },
    });
  }

  protected override render() {
    const { channels } = this.stats;
    if (!channels) return nothing;
    const { absmax } = this.figures;
    const { outliers } = this.figures;
    const other = this.shownAxis === 'rows' ? 'columns' : 'rows';
    const [, otherMany] = channelWords({ name: this.stats.name, shape: this.shape })[other];
    const otherOutliers = channels[other].outliers.length;
    const shown = this.showsAll ? outliers : outliers.slice(0, namedOutliers);
    return html`
      <div class="figure-title">
        <h3>absmax per ${this.word(1)} <span class="quiet">(${formatInteger(absmax.length)})</span></h3>
        ${
          channels[other].absmax.length > 1
            ? html`<button
                class="link"
                type="button"
                data-testid="toggle-axis"
                @click=${() => {
                  this.axis = other;
                  this.cursor = undefined;
                  this.showsAll = false;
                }}
              >Show ${otherMany}${otherOutliers > 0 ? ` (${formatInteger(otherOutliers)} ${otherOutliers === 1 ? 'outlier' : 'outliers'})` : ''}</button>`
            : nothing
        }
      </div>
      <div class="plot" tabindex="0" data-testid="channel-plot" @keydown=${this.onKey}></div>
      <div class="readout quiet" aria-hidden="true">${this.cursorText || 'median dashed'}</div>
      ${
        outliers.length === 0
          ? html`<p class="quiet small" data-testid="outliers">${this.outlierSentence}</p>`
          : html`<p class="outliers small" data-testid="outliers">
              <span>${this.outlierSentence.replace(/\.$/, ':')}</span>
              ${shown.map(
                (channel) =>
                  html`<button
                    type="button"
                    class="chip"
                    data-outlier=${channel}
                    title="${this.describe(channel)}. Click to copy the index."
                    aria-label="${this.describe(channel)}, copy the index"
                    @click=${() => this.onCopy(String(channel))}
                    @focus=${() => this.plot?.setCursor(channel)}
                    @mouseenter=${() => this.plot?.setCursor(channel)}
                  >${channel}</button>`,
              )}
              ${
                outliers.length > shown.length
                  ? html`<button type="button" class="link" @click=${() => {
                      this.showsAll = true;
                    }}>${formatInteger(outliers.length - shown.length)} more</button>`
                  : nothing
              }
            </p>`
      }
    `;
  }

  private get shownAxis(): 'rows' | 'columns' {
    return this.axis ?? telltaleAxis(this.stats);
  }

  private get figures(): AxisStats {
    return this.stats.channels![this.shownAxis];
  }

  private word(count: number): string {
    const words = channelWords({ name: this.stats.name, shape: this.shape })[this.shownAxis];
    return count === 1 ? words[0] : words[1];
  }

  private get outlierSentence(): string {
    const count = this.figures.outliers.length;
    if (count === 0) return `No ${this.word(1)} stands out.`;
    return `${formatInteger(count)} ${count === 1 ? 'outlier' : 'outliers'}.`;
  }

  private describe(channel: number): string {
    const { absmax, median, outliers } = this.figures;
    const value = absmax[channel] ?? 0;
    const times = median > 0 ? ` · ${formatNumber(value / median, 3)} × median` : '';
    return `${this.word(1)} ${formatInteger(channel)} · ${formatNumber(value)}${times}${outliers.includes(channel) ? ' · outlier' : ''}`;
  }

  private get cursorText(): string {
    return this.cursor === undefined ? '' : this.describe(this.cursor);
  }

  private onKey(event: KeyboardEvent): void {
    const { absmax, outliers } = this.figures;
    const at = this.cursor ?? -1;
    const last = absmax.length - 1;
    const next: Record<string, number> = {
      ArrowRight: Math.min(last, at + 1),
      ArrowLeft: Math.max(0, at - 1),
      Home: 0,
      End: last,
      // Page keys go from outlier to outlier.
      PageDown: outliers.find((channel) => channel > at) ?? at,
      PageUp: outliers.findLast((channel) => channel < at) ?? at,
    };
    const channel = next[event.key];
    if (channel === undefined || channel < 0) return;
    event.preventDefault();
    this.cursor = channel;
    this.plot?.setCursor(channel);
    this.announce(this.describe(channel));
  }
}

customElements.define('tl-channels', ChannelView);
