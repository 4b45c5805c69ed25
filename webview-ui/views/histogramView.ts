/** `<tl-histogram>`: the distribution of a tensor's values with the normal of the same sigma. */
import { LitElement } from 'lit';
import type { TensorStats } from '../../src/protocol/engineApi';
import { HistogramPlot } from '../draw/histogramPlot';
import { formatNumber } from '../state/format';

const height = 128;

export class HistogramView extends LitElement {
  static override properties = { stats: { attribute: false } };
  declare stats: TensorStats | undefined;
  private plot: HistogramPlot | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.plot = new HistogramPlot(this, height);
    this.show();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.plot?.dispose();
    this.plot = undefined;
    this.replaceChildren();
  }

  protected override shouldUpdate(): boolean {
    // The plot draws by itself: nothing for lit to render.
    this.show();
    return false;
  }

  private show(): void {
    const { stats } = this;
    if (!stats?.histogram || !this.plot) return;
    const { mean, std, count } = stats;
    this.plot.show({
      series: [{ label: stats.name, histogram: stats.histogram }],
      log: true,
      normal: mean !== null && std !== null ? { mean, std, count } : undefined,
      format: (value) => shortNumber(value),
    });
  }
}

/** Axis labels: no trailing zeros. */
export function shortNumber(value: number): string {
  return formatNumber(value, 3)
    .replace(/([.,]\d*?)0+(?=$|e)/, '$1')
    .replace(/[.,](?=$|e)/, '');
}

customElements.define('tl-histogram', HistogramView);
