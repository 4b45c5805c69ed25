/** What stands above and beside the map in words: the state of the comparison, and how to read it. */
import { html, nothing, type TemplateResult } from 'lit';
import type { SchemeOffer } from '../../../src/protocol/sensitivityPageApi';
import { type SequentialName, sequentialMap } from '../../draw/colorMaps';
import '../../draw/legend';
import { formatBytes, formatInteger } from '../../state/format';
import type { Metric, MetricRange } from '../../state/sensitivityMetrics';
import type { SensitivityModel } from './sensitivityModel';

/** Empty, running, partial, cancelled, failed, sampled or exact: one sentence each. */
export function comparisonSummary(
  model: SensitivityModel,
  columns: readonly SchemeOffer[],
  problem: string,
  matrix: TemplateResult | typeof nothing,
): TemplateResult {
  const { cells, run, session } = model;
  const known = Math.min(...columns.map(({ key }) => cells.known(key)));
  const most = Math.max(...columns.map(({ key }) => cells.known(key)));
  const total = columns.length * cells.count;
  const sampled = columns.reduce((sum, { key }) => sum + cells.sampled(key), 0);
  const { end } = run;
  const count = formatInteger(cells.count);
  const text =
    run.progress !== undefined
      ? run.progress.isExact
        ? 'Reading every value…'
        : 'Comparing samples…'
      : most === 0
        ? `What would each scheme cost? A sample of each of the ${count} tensors tells within seconds; nothing is written.`
        : known < cells.count
          ? `${formatInteger(columns.reduce((sum, { key }) => sum + cells.known(key), 0))} of ${formatInteger(total)} cells are compared.`
          : sampled > 0
            ? `Errors are from samples (≈); sizes are exact. Reading all ${formatBytes(session.catalogue.bytes)} makes the errors exact too.`
            : 'All figures are exact.';
  return html`<div class="map-summary" data-testid="sensitivity-summary">
    <p>${text}${end?.kind === 'cancelled' ? html` <span class="quiet">Cancelled after ${formatInteger(end.done)} of ${formatInteger(end.total)} tensors.</span>` : nothing}</p>
    ${matrix}
    ${end?.kind === 'failed' ? html`<p role="alert" class="unusual">The comparison stopped: ${end.error.message}</p>` : nothing}
    ${problem === '' ? nothing : html`<p role="alert" class="unusual">${problem}</p>`}
  </div>`;
}

/** How to read the map, while no cell is chosen. */
export function sensitivityHelp(metric: Metric): TemplateResult {
  return html`<div class="details-empty" data-testid="sensitivity-help">
    <p>Each cell is one tensor under one scheme. Select one to see the original, the dequantized values and the error, and to build a recipe from it.</p>
    <p class="quiet">${metric.description}.</p>
    <dl class="keys">
      <div><dt>hatched</dt><dd>not compared yet</dd></div>
      <div><dt>kept</dt><dd>the scheme leaves the tensor as it is; its reason is told when pointed at</dd></div>
      <div><dt>✕</dt><dd>the tensor cannot be quantized so</dd></div>
      <div><dt>▁</dt><dd>what the recipe below takes</dd></div>
      <div><dt>◢</dt><dd>several tensors, such as experts: the worst is shown, and the row opens to each</dd></div>
      <div><dt><kbd>t</kbd></dt><dd>the same as a sortable table</dd></div>
    </dl>
  </div>`;
}

/** What the colours mean, with the range that is there. */
export function sensitivityLegend(
  metric: Metric,
  range: MetricRange | undefined,
  colorMap: SequentialName,
): TemplateResult {
  if (!range)
    return html`<span class="quiet small" data-testid="sensitivity-legend">no error known yet</span>`;
  return html`<span class="map-legend" data-testid="sensitivity-legend">
    <tl-legend
      .scale=${{ map: sequentialMap(colorMap), min: 0, max: 1 }}
      .low=${`worse ${metric.format(range.worst)}`}
      .high=${`${metric.format(range.best)} better`}
      .label=${metric.label}
    ></tl-legend>
  </span>`;
}
