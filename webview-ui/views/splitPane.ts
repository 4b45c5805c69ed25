/** `<tl-split>`: two panes, beside each other when there is room, else above each other, with a sash between. */
import { LitElement } from 'lit';

/** Below this width in pixels the second pane goes under the first. */
const narrowWidth = 900;
const keyStep = 0.02;
const leastShare = 0.15;
const greatestShare = 0.75;

/**
 * Light DOM: expects its two panes as children, `.first` and `.second`, with a `.sash` between them.
 * Sizes are shares of the whole, one for each direction.
 */
export class SplitPane extends LitElement {
  static override properties = {
    beside: { attribute: false },
    below: { attribute: false },
    onResized: { attribute: false },
  };
  declare beside: number;
  declare below: number;
  declare onResized: (beside: number, below: number) => void;
  private isNarrow = false;
  private readonly resize = new ResizeObserver(() => this.orient());

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
    const sash = this.sash;
    if (!sash || sash.dataset.wired) return;
    sash.dataset.wired = 'true';
    sash.addEventListener('pointerdown', (event) => this.drag(event));
    sash.addEventListener('keydown', (event) => this.onKey(event));
    sash.addEventListener('dblclick', () => this.take(this.isNarrow ? 0.45 : 0.34));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  protected override shouldUpdate(): boolean {
    this.apply();
    return false;
  }

  private get sash(): HTMLElement | null {
    return this.querySelector(':scope > .sash');
  }

  private get share(): number {
    return this.isNarrow ? this.below : this.beside;
  }

  private orient(): void {
    this.isNarrow = this.clientWidth < narrowWidth;
    this.apply();
  }

  private apply(): void {
    this.classList.toggle('narrow', this.isNarrow);
    this.style.setProperty('--second', `${(this.share * 100).toFixed(2)}%`);
    const { sash } = this;
    if (!sash) return;
    sash.setAttribute('aria-orientation', this.isNarrow ? 'horizontal' : 'vertical');
    sash.setAttribute('aria-valuenow', String(Math.round(this.share * 100)));
    sash.setAttribute('aria-valuemin', String(leastShare * 100));
    sash.setAttribute('aria-valuemax', String(greatestShare * 100));
  }

  private take(share: number): void {
    const bounded = Math.max(leastShare, Math.min(greatestShare, share));
    if (this.isNarrow) this.below = bounded;
    else this.beside = bounded;
    this.apply();
    this.onResized(this.beside, this.below);
  }

  private drag(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    const sash = this.sash!;
    sash.focus();
    sash.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent) => {
      const box = this.getBoundingClientRect();
      this.take(
        this.isNarrow ? (box.bottom - moved.clientY) / box.height : (box.right - moved.clientX) / box.width,
      );
    };
    const end = () => {
      sash.removeEventListener('pointermove', move);
      sash.removeEventListener('pointerup', end);
      sash.removeEventListener('pointercancel', end);
    };
    sash.addEventListener('pointermove', move);
    sash.addEventListener('pointerup', end);
    sash.addEventListener('pointercancel', end);
  }

  private onKey(event: KeyboardEvent): void {
    const grow = this.isNarrow ? 'ArrowUp' : 'ArrowLeft';
    const shrink = this.isNarrow ? 'ArrowDown' : 'ArrowRight';
    if (event.key !== grow && event.key !== shrink) return;
    event.preventDefault();
    this.take(this.share + (event.key === grow ? keyStep : -keyStep));
  }
}

customElements.define('tl-split', SplitPane);
