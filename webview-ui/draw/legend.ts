/** A horizontal colour legend with its range printed, as lit templates and one small canvas. */
import { html, LitElement } from 'lit';
import type { ColorScale } from './colorMaps';

/**
 * `<tl-legend>`: `low` and `high` are the printed ends, in the order drawn. The bar is an image to screen
 * readers, told as a sentence.
 */
export class Legend extends LitElement {
  static override properties = {
    scale: { attribute: false },
    low: { attribute: false },
    high: { attribute: false },
    reversed: { attribute: false },
    label: { attribute: false },
  };

  declare scale: ColorScale | undefined;
  declare low: string;
  declare high: string;
  /** Draws the map's end on the left: for figures that are better when small. */
  declare reversed: boolean;
  declare label: string;

  constructor() {
    super();
    this.low = '';
    this.high = '';
    this.reversed = false;
    this.label = '';
  }

  protected override createRenderRoot(): this {
    return this;
  }

  protected override render() {
    return html`<span class="legend" role="img" aria-label=${`${this.label || 'Colours'}: ${this.low} to ${this.high}`}>
      <span class="legend-end" aria-hidden="true">${this.low}</span
      ><canvas class="legend-bar" width="256" height="1" aria-hidden="true"></canvas
      ><span class="legend-end" aria-hidden="true">${this.high}</span>
    </span>`;
  }

  protected override updated(): void {
    const context = this.querySelector('canvas')?.getContext('2d');
    if (!context || !this.scale) return;
    const image = context.createImageData(256, 1);
    for (let x = 0; x < 256; x++) {
      const t = x / 255;
      image.data.set(this.scale.map.at(this.reversed ? 1 - t : t), x * 4);
      image.data[x * 4 + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }
}

customElements.define('tl-legend', Legend);
