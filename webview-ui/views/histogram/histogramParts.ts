/** What stands around a histogram: its buttons, the legend of two tensors, and the values beyond k sigma. */
import { html, nothing, type TemplateResult } from 'lit';
import type { DisplayHistogram, TensorStats } from '../../../src/protocol/engineApi';
import { expectedCount, type NormalCurve, readBin, type ValueMark } from '../../draw/histogramData';
import { normalTail } from '../../draw/normalTail';
import { formatInteger, formatNumber, formatShare } from '../../state/format';
import { closeIcon } from '../icons';
import type { Distribution } from './histogramSource';

export interface HistogramSwitches {
  readonly isLog: boolean;
  readonly showsNormal: boolean;
  readonly showsTable: boolean;
}

export interface HistogramTools extends HistogramSwitches {
  /** undefined: everything is shown. */
  readonly showAll: (() => void) | undefined;
  /** undefined: there is nothing to compare with. */
  readonly compare: (() => void) | undefined;
  change(change: Partial<HistogramSwitches>): void;
}

/** The switches, and the links that the tools have functions for. */
export function histogramTools(tools: HistogramTools): TemplateResult {
  const toggle = (id: string, text: string, key: keyof HistogramSwitches, title: string) =>
    html`<button
      type="button"
      class="toggle"
      data-testid=${id}
      aria-pressed=${tools[key]}
      title=${title}
      @click=${() => tools.change({ [key]: !tools[key] })}
    >${text}</button>`;
  const link = (id: string, text: string, run: (() => void) | undefined) =>
    run ? html`<button type="button" class="link" data-testid=${id} @click=${run}>${text}</button>` : nothing;
  return html`<span class="histogram-tools">
    ${link('histogram-reset', 'Show all', tools.showAll)} ${link('histogram-compare', 'Compare…', tools.compare)}
    ${toggle('histogram-log', 'Log', 'isLog', 'Logarithmic counts (l)')}
    ${toggle('histogram-normal', 'Normal', 'showsNormal', 'The normal distribution of the same mean and σ, dashed (n)')}
    ${toggle('histogram-table-toggle', 'Table', 'showsTable', 'The bins as a table (t)')}
  </span>`;
}

/** `scale`: what the other tensor's counts were multiplied by. */
export function overlayLegend(
  name: string,
  other: string,
  scale: number,
  remove: () => void,
): TemplateResult {
  const isScaled = Math.abs(scale - 1) > 1e-9;
  return html`<p class="histogram-legend small" data-testid="histogram-overlay">
    <span class="swatch first" aria-hidden="true"></span><span class="mono">${name}</span>
    <span class="swatch second" aria-hidden="true"></span><span class="mono">${other}</span>
    ${isScaled ? html`<span class="quiet">scaled to as many values</span>` : nothing}
    <button
      type="button"
      class="icon-button"
      title="Take the other tensor away"
      aria-label="Take the other tensor away"
      @click=${remove}
    >${closeIcon()}</button>
  </p>`;
}

const mostSigmas = 1000;

/** `change` undefined: no other number of sigma can be asked for. `beyond` may be of another number, and is then waited for. */
export function beyondLine(
  stats: TensorStats,
  sigmas: number,
  beyond: Distribution['beyond'][number] | undefined,
  change: ((sigmas: number) => void) | undefined,
): TemplateResult | typeof nothing {
  if (stats.std === null || stats.std === 0) return nothing;
  const finite = stats.count - stats.nan - stats.inf;
  const answer = beyond?.sigma === sigmas ? beyond : undefined;
  const onChange = (event: Event) => {
    const input = event.target as HTMLInputElement;
    const value = Number(input.value);
    if (value > 0 && value <= mostSigmas) change?.(value);
    else input.value = String(sigmas);
  };
  return html`<p class="beyond small">
    <label
      >Beyond
      ${
        change
          ? html`<input
              type="number"
              class="sigmas"
              data-testid="sigmas"
              min="0.5"
              max=${mostSigmas}
              step="0.5"
              aria-label="Standard deviations"
              .value=${String(sigmas)}
              @change=${onChange}
            />`
          : sigmas
      }
      σ:</label
    >
    ${
      answer
        ? html`<b class="number" data-testid="beyond" data-value=${answer.count}
              >${answer.isExact ? '' : 'about '}${formatInteger(answer.count)}</b
            >
            <span class="quiet"
              >(${formatShare(finite > 0 ? answer.count / finite : 0)}); a normal would have ${expectedText(normalTail(sigmas) * finite)}</span
            >`
        : html`<span class="quiet">counting…</span>`
    }
  </p>`;
}

function expectedText(expected: number): string {
  if (expected >= 0.5) return formatInteger(Math.round(expected));
  return expected < 0.01 ? 'none' : formatNumber(expected, 1);
}

/** The percentiles as marks on the axis. */
export function percentileMarks({ percentiles }: Pick<TensorStats, 'percentiles'>): readonly ValueMark[] {
  return Object.entries(percentiles).flatMap(([percent, value]) =>
    value === null ? [] : [{ label: percent === '50' ? 'median' : `p${percent}`, value }],
  );
}

/** One bin in words: its range, count and share of `count` values, the other tensor's and the normal's. */
export function binWords(
  {
    histogram,
    other,
  }: { readonly histogram: DisplayHistogram; readonly other: DisplayHistogram | undefined },
  bin: number,
  count: number,
  normal: NormalCurve | undefined,
): string {
  const reading = readBin(histogram, bin, count);
  const width = reading.to - reading.from;
  const expected = normal && expectedCount(normal, width, reading.from + width / 2);
  return [
    `${formatNumber(reading.from, 3)} to ${formatNumber(reading.to, 3)}`,
    `${formatInteger(reading.count)} ${reading.count === 1 ? 'value' : 'values'} (${formatShare(reading.share)})`,
    ...(other ? [`other ${formatInteger(other.counts[bin] ?? 0)}`] : []),
    ...(normal ? [`normal ${expected ? formatInteger(Math.round(expected)) : 0}`] : []),
  ].join(' · ');
}
