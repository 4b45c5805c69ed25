/** The figures of one tensor as a grid, and its largest values with their places. */
import { html, nothing, type TemplateResult } from 'lit';
import type { TensorStats } from '../../../src/protocol/engineApi';
import { figureTexts } from '../../state/figureTexts';
import { formatInteger, formatNumber, formatShare } from '../../state/format';
import { figureOf, type StatFigure } from '../../state/statsTable';

/** One figure of the grid; `null` has no value and is shown as a dash. */
function figure(id: string, label: string, value: number | null, text: string, unusual = false, title = '') {
  return html`<div>
    <dt title=${title}>${label}</dt>
    <dd class=${unusual ? 'unusual' : ''} data-figure=${id} data-value=${value ?? ''} title=${value ?? ''}>
      ${value === null ? '–' : text}
    </dd>
  </div>`;
}

export function figuresView(stats: TensorStats): TemplateResult {
  const number = (id: string, label: string, value: number | null) =>
    figure(id, label, value, value === null ? '' : formatNumber(value));
  const named = (id: StatFigure, label: string, title = '') => {
    const value = figureOf(stats, id);
    const { format, isUnusual } = figureTexts[id];
    const isKnown = !Number.isNaN(value);
    return figure(
      id,
      label,
      isKnown ? value : null,
      isKnown ? format(value) : '',
      isKnown && isUnusual(value),
      title,
    );
  };
  const { outlierChannels } = stats;
  const count = (id: string, value: number) =>
    html`<span class=${value > 0 ? 'unusual' : ''} data-figure=${id} data-value=${value}>${formatInteger(value)}</span>`;
  return html`<dl class="figures">
    ${number('min', 'min', stats.min)} ${number('max', 'max', stats.max)} ${number('mean', 'mean', stats.mean)}
    ${number('std', 'σ', stats.std)} ${number('rms', 'RMS', stats.rms)}
    ${number('absmax', 'absmax', stats.absmax)} ${named('crest', 'crest', 'absmax divided by RMS')}
    ${named('kurtosis', 'kurtosis')} ${named('skewness', 'skewness')}
    ${number('p0.1', 'p0.1', stats.percentiles['0.1'])} ${number('p99.9', 'p99.9', stats.percentiles['99.9'])}
    ${named('entropy', 'entropy, bits', 'Of the stored 16-bit patterns')} ${named('sigma3', '>3σ')}
    ${named('sigma6', '>6σ')} ${named('zeros', 'zeros')}
    ${named('denormals', 'denormals', 'Below the smallest normal number of the stored type')}
    ${
      outlierChannels
        ? html`${figure(
            'energy',
            'outlier energy',
            Math.max(outlierChannels.rowEnergy, outlierChannels.columnEnergy),
            formatShare(Math.max(outlierChannels.rowEnergy, outlierChannels.columnEnergy)),
            false,
            'Share of the sum of squares in outlier rows or columns, whichever is more',
          )}
          ${named('int8Columns', 'int8() columns', 'Columns that LLM.int8() would keep in 16 bits')}`
        : nothing
    }
    <div>
      <dt>NaN</dt>
      <dd>${count('nan', stats.nan)}</dd>
    </div>
    <div>
      <dt>+Inf / −Inf</dt>
      <dd data-figure="inf" data-value=${stats.inf}>${count('posInf', stats.posInf)} / ${count('negInf', stats.negInf)}</dd>
    </div>
  </dl>`;
}

/** More rows are behind a fold. */
const listedAtOnce = 4;

/** The largest values: where they are and how far out. A 1-D tensor has one row; further dimensions are columns. */
export function largestView(stats: TensorStats, shape: readonly number[]): TemplateResult | typeof nothing {
  const { top, rms } = stats;
  if (top.length === 0 || stats.count < 2) return nothing;
  const rows = shape.length > 1 ? shape[0]! : 1;
  const columns = rows > 0 ? stats.count / rows : stats.count;
  const row = ({ index, value }: TensorStats['top'][number]) => html`<tr>
    ${rows > 1 ? html`<td class="number">${formatInteger(Math.floor(index / columns))}</td>` : nothing}
    <td class="number">${formatInteger(index % columns)}</td>
    <td class="number" title=${value}>${formatNumber(value)}</td>
    <td class="number">${rms ? `${formatNumber(Math.abs(value) / rms, 3)} ×` : ''}</td>
  </tr>`;
  const head = html`<thead>
    <tr>
      ${rows > 1 ? html`<th scope="col" class="number">row</th>` : nothing}
      <th scope="col" class="number">column</th>
      <th scope="col" class="number">value</th>
      <th scope="col" class="number">of RMS</th>
    </tr>
  </thead>`;
  return html`<details class="largest" data-testid="largest" ?open=${top.length <= listedAtOnce}>
    <summary>
      ${formatInteger(top.length)} largest values
      <span class="quiet">${formatNumber(top[0]!.value)} at ${place(top[0]!.index, rows, columns)}</span>
    </summary>
    <table class="sheet">
      ${head}
      <tbody>
        ${top.map(row)}
      </tbody>
    </table>
  </details>`;
}

function place(index: number, rows: number, columns: number): string {
  const column = `column ${formatInteger(index % columns)}`;
  return rows > 1 ? `row ${formatInteger(Math.floor(index / columns))}, ${column}` : column;
}
