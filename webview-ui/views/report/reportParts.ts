/** Parts of the error report that only show what they are given. */
import { html, nothing, type TemplateResult } from 'lit';
import type { QuantizeReport, TensorError } from '../../../src/protocol/engineApi';
import type { ReportHostContract } from '../../../src/protocol/webviewApi';
import { sequentialMap } from '../../draw/colorMaps';
import '../../draw/legend';
import { count, duration, fixed, size } from './figures';
import { isQuantized, type Metric, type MetricRange, meanSqnr, metrics } from './metrics';
import { schemeLabel } from './reportFacts';

/** What the host says of the report. */
export type Shown = ReportHostContract['ready']['result'];

/** One line about the whole: sizes, the mean error, where and how long it was computed. */
export function reportStrip(
  { report, against }: Shown,
  quantized: readonly TensorError[],
  act: (kind: 'openResult' | 'openSource') => void,
): TemplateResult {
  const mean = meanSqnr(quantized);
  const share = report.bytesBefore > 0 ? (100 * report.bytesAfter) / report.bytesBefore : 100;
  const scheme = schemeLabel(report);
  const { backend } = report;
  return html`<header class="strip">
    <h1 title=${report.source}>${report.sourceName}</h1>
    <span class="scheme" title=${scheme}><span class="quiet">${report.comparison ? 'and' : '→'}</span> ${scheme}</span>
    <span class="sizes" title=${`${count(report.bytesBefore)} → ${count(report.bytesAfter)} bytes`}
      >${size(report.bytesBefore)} → <b>${size(report.bytesAfter)}</b> <span class="quiet">(${fixed(share, 0)} %)</span></span
    >
    ${mean === null ? nothing : html`<span class="mean" data-figure="mean-sqnr" data-value=${String(mean)}>mean SQNR <b>${fixed(mean, 1)} dB</b></span>`}
    <span class="backend quiet" title=${`${backend.reason}${backend.requested === 'auto' ? ' (chosen automatically)' : ''}`}><span class="long">${backend.reason}</span><span class="short">${backend.reason.split(':')[0]}</span></span>
    <span class="seconds quiet">${duration(report.seconds)}</span>
    <span class="spring"></span>
    <vscode-button secondary @click=${() => act('openSource')}>Open Source</vscode-button>
    <vscode-button @click=${() => act('openResult')}>${report.comparison ? 'Open the Other' : against.kind === 'file' ? 'Open Result' : 'Quantize…'}</vscode-button>
  </header>`;
}

/** Said in place of a map of which every cell would be empty. */
export function nothingChanged(
  { comparison, tensors }: QuantizeReport,
  act: (kind: 'openSource') => void,
): TemplateResult {
  return html`<div class="page-message">
    <h1>${comparison ? 'No tensor differs' : 'Nothing was quantized'}</h1>
    <p>${
      comparison
        ? `All ${count(tensors.length)} compared tensors hold the same values in both checkpoints.`
        : `All ${count(tensors.length)} tensors were kept as they are: norms, biases, 1-D tensors and the output head stay in their own type unless asked otherwise.`
    }</p>
    <vscode-button secondary @click=${() => act('openSource')}>Open Source</vscode-button>
  </div>`;
}

/** From the colour of the worst error to that of the best; `range` null: there is none to colour. */
export function mapLegend(
  metric: Metric,
  range: MetricRange | null,
  colorMap: 'viridis' | 'cividis',
  quantized: readonly TensorError[],
): TemplateResult | typeof nothing {
  const isUnknown = metric.name === 'kl' || quantized.some(({ isUnmeasured }) => isUnmeasured);
  if (!range) return isUnknown ? nothing : html`<span class="quiet">every copy is exact</span>`;
  const unit = metric.unit ? ` ${metric.unit}` : '';
  return html`<tl-legend
    data-legend="map"
    .scale=${{ map: sequentialMap(colorMap), min: 0, max: 1 }}
    .low=${`worse ${metric.format(range.worst)}`}
    .high=${`${metric.format(range.best)}${unit} better`}
    .label=${metric.label}
  ></tl-legend>`;
}

/** All figures of the pointed (else the selected) tensor in one line, spoken when it changes; `more` is a metric that became known. */
export function pointedFigures(
  row: TensorError | undefined,
  more: Metric | undefined,
): TemplateResult | string {
  if (!row) return 'Point at a cell, or move through the map with the arrow keys.';
  if (!isQuantized(row))
    return html`<b class="mono">${row.name}</b> <div>kept as ${row.from}${row.note ? `: ${row.note}` : ''}</div>`;
  return html`<b class="mono">${row.name}</b>
    <div>${row.isUnmeasured ? html`${row.from} → ${row.to}, error not measured ` : nothing}${(
      more ? [...metrics, more] : metrics
    ).map((metric) => {
      const value = metric.value(row);
      if (Number.isNaN(value)) return nothing;
      return html`<span><span class="quiet">${metric.label}</span> ${metric.format(value)}${metric.unit && Number.isFinite(value) ? ` ${metric.unit}` : ''}</span> `;
    })}</div>`;
}
