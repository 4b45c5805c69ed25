/** Beside the matrix: the selected element, figures, the largest values as places to go to, and the distribution. */
import { html, nothing, type TemplateResult } from 'lit';
import type { TensorStats } from '../../../src/protocol/engineApi';
import { atOfFlat } from '../../../src/protocol/tensorIndex';
import { formatDecimal, formatInteger, formatNumber } from '../../state/format';
import type { DistributionSource, HistogramOverlay } from '../histogram/histogramSource';
import '../histogram/histogramView';
import { type ElementState, renderElement } from './elementView';

export type StatsState =
  | { readonly kind: 'reading' }
  | { readonly kind: 'ready'; readonly stats: TensorStats }
  | { readonly kind: 'impossible'; readonly reason: string };

export interface SideState {
  readonly element: ElementState;
  readonly stats: StatsState;
  /** How many values the tensor has. */
  readonly elements: number;
  readonly shape: readonly number[];
}

export interface SideEvents {
  copy(text: string): void;
  retryElement(): void;
  goTo(at: readonly number[]): void;
  retryStats(): void;
  announce(text: string): void;
  readonly distribution: DistributionSource;
  pickOverlay(): Promise<HistogramOverlay | undefined>;
}

export function renderSide(state: SideState, events: SideEvents): TemplateResult {
  const { stats } = state;
  return html`${renderElement(state.element, { copy: events.copy, retry: events.retryElement })}
    ${renderFigures(stats, state.elements, events)} ${renderDistribution(stats, events)}
    ${renderTop(stats, state.shape, events)}`;
}

function renderFigures(state: StatsState, elements: number, events: SideEvents): TemplateResult {
  if (state.kind === 'reading')
    return html`<section><h3>Figures</h3>
      <p class="quiet" role="status">Reading ${formatInteger(elements)} values…</p></section>`;
  if (state.kind === 'impossible')
    return html`<section><h3>Figures</h3>
      <p class="failure">${state.reason} <button type="button" class="link" @click=${events.retryStats}>Try again</button></p></section>`;
  const { stats } = state;
  const entry = (label: string, value: number | null, text = value === null ? '–' : formatNumber(value)) =>
    html`<div><dt>${label}</dt><dd title=${value ?? nothing}>${text}</dd></div>`;
  const count = (label: string, value: number) => entry(label, value, formatInteger(value));
  const isBad = stats.nan + stats.inf > 0;
  return html`<section data-testid="figures">
    <h3>Figures</h3>
    <dl class="figures">
      ${entry('min', stats.min)} ${entry('max', stats.max)} ${entry('mean', stats.mean)} ${entry('σ', stats.std)}
      ${entry('kurtosis', stats.kurtosis, stats.kurtosis === null ? '–' : formatDecimal(stats.kurtosis))}
      ${count('zeros', stats.zeros)}
      <div><dt>NaN / Inf</dt><dd class=${isBad ? 'unusual' : ''}>${formatInteger(stats.nan)} / ${formatInteger(stats.inf)}</dd></div>
      ${count('> 6σ', stats.outliers.sigma6)}
    </dl>
  </section>`;
}

/** The values of largest magnitude; each leads to its place. */
function renderTop(state: StatsState, shape: readonly number[], events: SideEvents) {
  if (state.kind !== 'ready' || state.stats.top.length === 0) return nothing;
  const places = state.stats.top.map(({ index, value }) => {
    const at = atOfFlat(index, shape);
    return { index, value, at, text: at.map((each) => formatInteger(each)).join(', ') };
  });
  const isWide = places.some(({ text }) => text.length > 9);
  return html`<section data-testid="top-values">
    <h3>Largest values</h3>
    <ol class=${isWide ? 'top wide' : 'top'}>
      ${places.map(({ index, value, at, text }) => {
        return html`<li>
          <button type="button" class="link mono" data-index=${index} @click=${() => events.goTo(at)}
            >${text}</button
          ><span class="number" title=${value}>${formatNumber(value, 4)}</span>
        </li>`;
      })}
    </ol>
  </section>`;
}

function renderDistribution(state: StatsState, events: SideEvents) {
  if (state.kind !== 'ready' || !state.stats.histogram) return nothing;
  return html`<section>
    <tl-histogram
      data-testid="histogram"
      .stats=${state.stats}
      .distribution=${events.distribution}
      .pickOverlay=${events.pickOverlay}
      .announce=${events.announce}
    ></tl-histogram>
  </section>`;
}
