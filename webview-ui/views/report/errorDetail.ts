/** What the whole tensor tells of a scheme's error: both distributions, the worst values, the error by row and column. */
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type { ErrorDetail, PlacedError } from '../../../src/protocol/engineApi';
import { binAt, binEdge } from '../../draw/histogramData';
import { HistogramPlot } from '../../draw/histogramPlot';
import { ProfilePlot } from '../../draw/profilePlot';
import { binWords } from '../histogram/histogramParts';
import { count, figure } from './figures';
import { peakOf, standsOut } from './remark';

/** Where `tl-go` leads: a row, a column, or a single value. */
export interface ElementPlace {
  readonly row?: number;
  readonly column?: number;
}

type Axis = 'rows' | 'columns';
const axisNames: Readonly<Record<Axis, 'row' | 'column'>> = { rows: 'row', columns: 'column' };

/** `<tl-error-detail>`: fires `tl-go` with an ElementPlace, `tl-log` with whether counts are logarithmic. */
export class ErrorDetailView extends LitElement {
  static override properties = {
    detail: { attribute: false },
    label: { attribute: false },
    isLog: { attribute: false },
    bin: { state: true },
  };

  declare detail: ErrorDetail;
  /** Tells it from another scheme; empty where there is none. */
  declare label: string;
  declare isLog: boolean;
  /** Under the pointer, or the one that was moved to by keys. */
  declare private bin: number | undefined;
  private plots: { histogram: HistogramPlot; rows: ProfilePlot; columns: ProfilePlot } | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.plots?.histogram.dispose();
    this.plots?.rows.dispose();
    this.plots?.columns.dispose();
    this.plots = undefined;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('detail')) this.bin = undefined;
  }

  protected override updated(changed: PropertyValues): void {
    const isNew = this.plots === undefined;
    const host = (name: string) => this.querySelector<HTMLElement>(`[data-plot="${name}"]`)!;
    this.plots ??= {
      histogram: new HistogramPlot(host('histogram')),
      rows: new ProfilePlot(host('rows')),
      columns: new ProfilePlot(host('columns')),
    };
    if (!isNew && !changed.has('detail') && !changed.has('isLog')) return;
    const { detail } = this;
    this.plots.histogram.show({
      series: [
        { label: 'Original', histogram: detail.original },
        { label: 'Dequantized', histogram: detail.dequantized },
      ],
      log: this.isLog,
      format: (value) => figure(value, 3),
      hint: 'Left and right read the bins, L changes the axis of counts.',
      onCursor: (value) => {
        this.bin = value === undefined ? undefined : (binAt(detail.original, value) ?? undefined);
      },
    });
    if (!isNew && !changed.has('detail')) return;
    for (const [axis, values] of [
      ['rows', detail.rowError],
      ['columns', detail.columnError],
    ] as const) {
      const peak = peakOf(values);
      this.plots[axis].show({
        values,
        peak: peak && peak.timesMedian > standsOut ? peak.index : undefined,
        format: (value) => figure(value, 2),
        summary: profileSummary(axis, values),
      });
    }
  }

  protected override render() {
    const { detail, label, bin } = this;
    const shown = { histogram: detail.original, other: detail.dequantized };
    const total = detail.original.counts.reduce((sum, each) => sum + each, 0);
    return html`<section class="detail" aria-label=${label || 'The whole tensor'}>
      ${label ? html`<h3>${label}</h3>` : nothing}
      <figure>
        <figcaption>
          <span>Distribution</span>
          <span class="keys"
            ><i class="key first" aria-hidden="true"></i>original <i class="key second" aria-hidden="true"></i>dequantized
            <button
              class="toggle"
              aria-pressed=${this.isLog}
              title="Logarithmic counts (L)"
              data-testid="detail-log"
              @click=${this.toggleLog}
            >Log</button></span
          >
        </figcaption>
        <div class="plot tall" data-plot="histogram" tabindex="0" @keydown=${this.onKey}></div>
        <p class="hint" aria-live="polite" data-testid="detail-bin">
          ${bin === undefined ? 'Point at a bin, or move with the arrow keys.' : binWords(shown, bin, total, undefined).replace('other', 'dequantized')}
        </p>
      </figure>
      ${this.renderWorst(detail.worst)}
      ${this.renderProfile('rows', detail.rowError)} ${this.renderProfile('columns', detail.columnError)}
    </section>`;
  }

  private renderWorst(worst: readonly PlacedError[]) {
    if (worst.length === 0) return html`<p class="quiet">Every value is exact.</p>`;
    return html`<div class="worst-frame"><table class="worst" data-testid="worst">
      <caption>Largest errors</caption>
      <thead>
        <tr>
          <th scope="col">Row, column</th>
          ${['Original', 'Dequantized', 'Error'].map((title) => html`<th scope="col" class="number">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${worst.map(
          ({ row, column, original, dequantized }) => html`<tr>
            <td>
              <button class="link" data-place=${`${row},${column}`} title="Show it in the pictures" @click=${() => this.go({ row, column })}
                >${count(row)}, ${count(column)}</button
              >
            </td>
            <td class="number" data-value=${original}>${figure(original)}</td>
            <td class="number" data-value=${dequantized}>${figure(dequantized)}</td>
            <td class="number" data-value=${original - dequantized}>${figure(original - dequantized)}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>`;
  }

  private renderProfile(axis: Axis, values: Float32Array) {
    const peak = peakOf(values);
    return html`<figure>
      <figcaption>
        <span>Mean |error| per ${axisNames[axis]} (${count(values.length)})</span>
        ${
          peak && peak.timesMedian > standsOut
            ? html`<button class="link" @click=${() => this.goAlong(axis, peak.index)}
                >${axisNames[axis]} ${count(peak.index)}: ${figure(peak.timesMedian, 2)} × the median</button
              >`
            : nothing
        }
      </figcaption>
      <div class="plot" data-plot=${axis} @click=${(event: MouseEvent) => this.goAlong(axis, this.plots?.[axis].indexAt(event.clientX))}></div>
    </figure>`;
  }

  private goAlong(axis: Axis, index: number | null | undefined): void {
    if (index !== null && index !== undefined) this.go({ [axisNames[axis]]: index });
  }

  private go(detail: ElementPlace): void {
    this.dispatchEvent(new CustomEvent('tl-go', { detail }));
  }

  private readonly toggleLog = (): void => {
    this.dispatchEvent(new CustomEvent('tl-log', { detail: !this.isLog }));
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const { original } = this.detail;
    const last = original.counts.length - 1;
    const by = event.shiftKey ? 10 : 1;
    const to = {
      ArrowRight: this.bin === undefined ? 0 : this.bin + by,
      ArrowLeft: this.bin === undefined ? last : this.bin - by,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined) {
      const bin = Math.max(0, Math.min(last, to));
      this.plots?.histogram.setCursor((binEdge(original, bin) + binEdge(original, bin + 1)) / 2);
      this.bin = bin;
    } else if (event.key === 'l') this.toggleLog();
    else return;
    event.preventDefault();
  };
}

/** The profile in words, for screen readers. */
function profileSummary(axis: Axis, profile: Float32Array): string {
  const peak = peakOf(profile);
  const name = axisNames[axis];
  const title = `Mean |error| per ${name} (${count(profile.length)})`;
  return peak && peak.timesMedian > standsOut
    ? `${title}, highest in ${name} ${count(peak.index)}: ${figure(peak.timesMedian, 2)} × the median`
    : title;
}

customElements.define('tl-error-detail', ErrorDetailView);
