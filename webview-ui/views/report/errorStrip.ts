/** The error of each row or column along the edge of a picture: follows its zoom and cursor. */
import { LitElement } from 'lit';
import { paintStrip } from '../../draw/profileStrip';
import { onThemeChange, readTheme } from '../../draw/theme';
import type { StripProfile } from './stripProfile';

/** `<tl-error-strip>`: fires `tl-go` with the row or column that was clicked. The plots below tell the same to screen readers. */
export class ErrorStrip extends LitElement {
  static override properties = {
    axis: { attribute: false },
    profile: { attribute: false },
    start: { attribute: false },
    end: { attribute: false },
    cursor: { attribute: false },
  };

  declare axis: 'rows' | 'columns';
  declare profile: StripProfile | undefined;
  /** Half-open range of the elements that the picture shows. */
  declare start: number;
  declare end: number;
  declare cursor: number | undefined;
  private readonly canvas = document.createElement('canvas');
  private resize: ResizeObserver | undefined;
  private endTheme: (() => void) | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.setAttribute('aria-hidden', 'true');
    this.replaceChildren(this.canvas);
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(this);
    this.endTheme = onThemeChange(() => this.draw());
    this.addEventListener('click', this.onClick);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize?.disconnect();
    this.endTheme?.();
    this.removeEventListener('click', this.onClick);
  }

  protected override updated(): void {
    this.draw();
  }

  private draw(): void {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.clientWidth * ratio);
    const height = Math.round(this.clientHeight * ratio);
    const context = this.canvas.getContext('2d', { alpha: false });
    if (!context || width === 0 || height === 0) return;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    const { axis, profile, start, end, cursor } = this;
    paintStrip(context, {
      axis,
      width,
      height,
      ratio,
      start,
      scale: (axis === 'rows' ? height : width) / (end - start),
      profile: profile?.pyramid,
      outliers: profile?.outliers ?? [],
      median: profile?.median ?? 0,
      hovered: cursor,
      selected: undefined,
      theme: readTheme(),
    });
  }

  private readonly onClick = (event: MouseEvent): void => {
    const box = this.getBoundingClientRect();
    const share =
      this.axis === 'rows' ? (event.clientY - box.top) / box.height : (event.clientX - box.left) / box.width;
    const index = Math.min(
      this.end - 1,
      Math.max(this.start, Math.floor(this.start + share * (this.end - this.start))),
    );
    this.dispatchEvent(new CustomEvent('tl-go', { detail: index }));
  };
}

customElements.define('tl-error-strip', ErrorStrip);
