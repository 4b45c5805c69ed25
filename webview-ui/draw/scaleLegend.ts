/** The legend of a value scale: its colours with the values at five places, on the page and in saved pictures. */
import { LitElement } from 'lit';
import { onThemeChange, readTheme, type ThemeColours } from './theme';
import type { ValueScale } from './valueScale';

export interface LegendContent {
  readonly scale: ValueScale;
  /** Values beyond the ends take the end's colour. */
  readonly isCut: boolean;
  readonly format: (value: number) => string;
}

const places = [0, 0.25, 0.5, 0.75, 1];
/** CSS pixels. */
const barHeight = 10;
const textSize = 10;
const nanWidth = 34;

/** The five printed values, from the map's start to its end. */
function legendTexts({ scale, isCut, format }: LegendContent): string[] {
  return places.map((place, at) => {
    const text = format(scale.valueAt(place));
    if (!isCut || scale.kind === 'quantile') return text;
    if (at === 0 && scale.min !== 0) return `≤ ${text}`;
    return at === places.length - 1 ? `≥ ${text}` : text;
  });
}

/** Draws the legend into a box of device pixels. */
export function paintLegend(
  context: CanvasRenderingContext2D,
  box: { readonly left: number; readonly top: number; readonly width: number; readonly ratio: number },
  content: LegendContent,
  theme: ThemeColours,
): void {
  const { ratio } = box;
  const line = Math.max(1, Math.round(ratio));
  const height = Math.round(barHeight * ratio);
  const width = Math.round(box.width - nanWidth * ratio);
  const { bytes, size } = content.scale.map;
  for (let x = 0; x < width; x++) {
    const at = 3 * Math.round((x / (width - 1)) * (size - 1));
    context.fillStyle = `rgb(${bytes[at]} ${bytes[at + 1]} ${bytes[at + 2]})`;
    context.fillRect(box.left + x, box.top, 1, height);
  }
  context.strokeStyle = theme.faint;
  context.lineWidth = line;
  context.strokeRect(box.left + line / 2, box.top + line / 2, width - line, height - line);
  paintNanKey(context, { left: box.left + width + 8 * ratio, top: box.top, side: height }, theme, ratio);
  context.font = `${textSize * ratio}px ${theme.font}`;
  context.textBaseline = 'top';
  context.fillStyle = theme.faint;
  const top = box.top + height + 3 * ratio;
  const texts = legendTexts(content);
  const spans = places.map((place, at) => {
    const wide = context.measureText(texts[at]!).width;
    const left = Math.min(width - wide, Math.max(0, place * width - wide / 2));
    return { text: texts[at]!, left, right: left + wide };
  });
  // The ends and the middle matter most; what would run into them is left out.
  const shown: typeof spans = [];
  for (const at of [0, 4, 2, 1, 3]) {
    const span = spans[at]!;
    const gap = 8 * ratio;
    if (shown.some((other) => span.left < other.right + gap && other.left < span.right + gap)) continue;
    shown.push(span);
    context.textAlign = 'left';
    context.fillText(span.text, box.left + span.left, top);
  }
}

function paintNanKey(
  context: CanvasRenderingContext2D,
  box: { readonly left: number; readonly top: number; readonly side: number },
  theme: ThemeColours,
  ratio: number,
): void {
  const { left, top, side } = box;
  const line = Math.max(1, Math.round(ratio));
  context.save();
  context.beginPath();
  context.rect(left, top, side, side);
  context.clip();
  context.strokeStyle = theme.warning;
  context.lineWidth = line;
  context.beginPath();
  for (let at = -side; at < side; at += 4 * line) {
    context.moveTo(left + at, top + side);
    context.lineTo(left + at + side, top);
  }
  context.stroke();
  context.restore();
  context.font = `${textSize * ratio}px ${theme.font}`;
  context.textAlign = 'left';
  context.textBaseline = 'top';
  context.fillStyle = theme.faint;
  context.fillText('NaN', left - 2 * ratio, top + side + 3 * ratio);
}

/** Height that a legend takes, CSS pixels. */
export const legendHeight = barHeight + textSize + 6;

/** `<tl-scale-legend>`: an image to screen readers, told as a sentence. */
export class ScaleLegend extends LitElement {
  static override properties = { content: { attribute: false } };
  declare content: LegendContent | undefined;
  private surface: HTMLCanvasElement | undefined;
  private resize: ResizeObserver | undefined;
  private endTheme: (() => void) | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.setAttribute('role', 'img');
    this.surface ??= document.createElement('canvas');
    this.append(this.surface);
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(this);
    this.endTheme = onThemeChange(() => this.draw());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize?.disconnect();
    this.endTheme?.();
  }

  protected override shouldUpdate(): boolean {
    // The canvas draws by itself: nothing for lit to render.
    this.draw();
    return false;
  }

  private draw(): void {
    const { surface, content } = this;
    if (!surface || this.clientWidth === 0) return;
    const ratio = window.devicePixelRatio || 1;
    surface.width = Math.round(this.clientWidth * ratio);
    surface.height = Math.round(legendHeight * ratio);
    surface.style.height = `${legendHeight}px`;
    surface.style.width = '100%';
    const context = surface.getContext('2d');
    if (!context || !content) return;
    paintLegend(context, { left: 0, top: 0, width: surface.width, ratio }, content, readTheme());
    const texts = legendTexts(content);
    const kind = { linear: 'linear', symlog: 'symmetric logarithmic', quantile: 'by rank' }[
      content.scale.kind
    ];
    this.dataset.low = String(content.scale.min);
    this.dataset.high = String(content.scale.max);
    this.setAttribute('aria-label', `Colours, ${kind}: ${texts[0]} to ${texts.at(-1)}. NaN is hatched.`);
  }
}

customElements.define('tl-scale-legend', ScaleLegend);
