/** The graph of an ONNX model: what goes in and out, and which operators it is made of. */
import { html, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import type { Catalogue } from '../../src/protocol/engineApi';
import { formatInteger, formatShare } from '../state/format';

export type GraphSummary = NonNullable<Catalogue['graph']>;
export type OperatorOrder = 'name' | 'count';

/** Rows drawn at once of each table. */
const shownRows = 1000;

export interface GraphEvents {
  sort(by: OperatorOrder): void;
  select(tensor: string): void;
}

const share = (value: number) =>
  ref((element) => (element as HTMLElement | undefined)?.style.setProperty('--share', String(value)));

function shapeWords(shape: readonly (number | string)[] | undefined): string {
  if (!shape) return 'any rank';
  return shape.length === 0 ? 'scalar' : shape.join(' × ');
}

function valuesTable(title: string, values: GraphSummary['inputs']): TemplateResult {
  return html`<h2>${title} <span class="quiet">${formatInteger(values.length)}</span></h2>
    ${
      values.length === 0
        ? html`<p class="quiet">None.</p>`
        : html`<table class="sheet graph-values">
            <thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Shape</th></tr></thead>
            <tbody>
              ${values.slice(0, shownRows).map(
                ({ name, type, shape }) => html`<tr>
                  <th scope="row" class="mono">${name}</th>
                  <td><span class="dtype">${type}</span></td>
                  <td>${shapeWords(shape)}</td>
                </tr>`,
              )}
            </tbody>
          </table>
          ${more(values.length)}`
    }`;
}

const more = (count: number) =>
  count > shownRows ? html`<p class="quiet">${formatInteger(count - shownRows)} more.</p>` : nothing;

export function graphView(graph: GraphSummary, order: OperatorOrder, events: GraphEvents): TemplateResult {
  const { operators, opsets, quantizedWeights } = graph;
  const nodes = operators.reduce((sum, { count }) => sum + count, 0);
  const largest = operators.reduce((most, { count }) => Math.max(most, count), 1);
  const sorted = [...operators].sort((a, b) =>
    order === 'count' ? b.count - a.count || (a.name < b.name ? -1 : 1) : a.name < b.name ? -1 : 1,
  );
  const fact = (label: string, value: string) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
  const header = (by: OperatorOrder, title: string, end: boolean) =>
    html`<th scope="col" class=${end ? 'number' : ''} aria-sort=${order === by ? (by === 'count' ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="sort-button" data-testid="sort-${by}" @click=${() => events.sort(by)}>${title}<span class="sort-arrow"></span></button>
    </th>`;
  return html`<section class="page" data-testid="graph">
    <dl class="fact-row">
      ${graph.name === '' ? nothing : fact('Graph', graph.name)}
      ${graph.producer === '' ? nothing : fact('Producer', graph.producer)}
      ${fact('IR version', String(graph.irVersion))}
      ${fact(
        opsets.length === 1 ? 'Opset' : 'Opsets',
        opsets.map(({ domain, version }) => `${domain === '' ? 'ai.onnx' : domain} ${version}`).join(', ') ||
          '–',
      )}
      ${fact('Nodes', formatInteger(nodes))}
    </dl>
    ${valuesTable('Inputs', graph.inputs)} ${valuesTable('Outputs', graph.outputs)}
    <h2>Operators <span class="quiet">${formatInteger(operators.length)}</span></h2>
    ${
      operators.length === 0
        ? html`<p class="quiet">The graph has no nodes.</p>`
        : html`<table class="sheet operators" data-testid="operators">
            <thead>
              <tr>
                ${header('name', 'Operator', false)} ${header('count', 'Nodes', true)}
                <th scope="col"><span class="visually-hidden">Bar</span></th>
                <th scope="col" class="number">Share</th>
              </tr>
            </thead>
            <tbody>
              ${sorted.slice(0, shownRows).map(
                ({ name, count }) => html`<tr data-operator=${name}>
                  <th scope="row" class="mono">${name}</th>
                  <td class="number">${formatInteger(count)}</td>
                  <td class="bar-cell" aria-hidden="true"><span class="track wide"><span class="fill" ${share(count / largest)}></span></span></td>
                  <td class="number quiet">${formatShare(count / Math.max(1, nodes))}</td>
                </tr>`,
              )}
            </tbody>
          </table>
          ${more(operators.length)}`
    }
    ${
      quantizedWeights.length === 0
        ? nothing
        : html`<h2>Quantized weights <span class="quiet">${formatInteger(quantizedWeights.length)}</span></h2>
            <table class="sheet graph-values" data-testid="quantized-weights">
              <thead><tr><th scope="col">Tensor</th><th scope="col">How</th></tr></thead>
              <tbody>
                ${quantizedWeights.slice(0, shownRows).map(
                  ({ tensor, method }) => html`<tr>
                    <th scope="row"><button type="button" class="link mono" @click=${() => events.select(tensor)}>${tensor}</button></th>
                    <td>${method}</td>
                  </tr>`,
                )}
              </tbody>
            </table>
            ${more(quantizedWeights.length)}`
    }
  </section>`;
}
