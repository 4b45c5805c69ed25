/**
 * The divergences of the value histograms, for the map: reports lack them, since each takes passes of its own over a tensor. They are
 * computed when they are asked for, tensor by tensor in the report's order, until stopped.
 */
import { html, nothing } from 'lit';
import type { TensorError } from '../../../src/protocol/engineApi';
import { count, padded } from './figures';
import { isQuantized, type Metric } from './metrics';

/** As the page saves them: by tensor name. */
export type SavedDivergences = readonly (readonly [name: string, bits: number])[];

/** A few at once keep the compute process busy, and leave room for what the reader looks at meanwhile. */
const atOnce = 2;

export class Divergences {
  private values: ReadonlyMap<string, number>;
  private failures: ReadonlyMap<string, string> = new Map();
  private running: AbortController | undefined;
  private rows: readonly TensorError[] = [];
  private own: Metric;

  /** `fetch` gives a tensor's divergence in bits; `changed` hears of every value. */
  constructor(
    private readonly fetch: (name: string, signal: AbortSignal) => Promise<number>,
    private readonly changed: () => void,
    saved: SavedDivergences = [],
  ) {
    this.values = new Map(saved);
    this.own = metricOf(this.values);
  }

  /** A metric over what is known by now; another object once more is known. Unknown figures are NaN. */
  get metric(): Metric {
    return this.own;
  }

  /** The metric where there is anything to show. */
  get known(): Metric | undefined {
    return this.values.size > 0 ? this.own : undefined;
  }

  get saved(): SavedDivergences {
    return [...this.values];
  }

  /** Computes what is not known yet. Failed ones are tried again. */
  async start(rows: readonly TensorError[]): Promise<void> {
    if (this.running) return;
    this.rows = rows.filter(isQuantized);
    const left = this.rows.map(({ name }) => name).filter((name) => !this.values.has(name));
    if (left.length === 0) return;
    const controller = new AbortController();
    this.running = controller;
    this.failures = new Map();
    this.changed();
    const one = async (): Promise<void> => {
      for (;;) {
        const name = controller.signal.aborted ? undefined : left.shift();
        if (name === undefined) return;
        try {
          const bits = await this.fetch(name, controller.signal);
          this.values = new Map([...this.values, [name, bits]]);
          this.own = metricOf(this.values);
        } catch (thrown) {
          if (controller.signal.aborted) return;
          const message = thrown instanceof Error ? thrown.message : String(thrown);
          this.failures = new Map([...this.failures, [name, message]]);
        }
        this.changed();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, one));
    if (this.running === controller) this.running = undefined;
    this.changed();
  }

  stop(): void {
    this.running?.abort();
    this.running = undefined;
    this.changed();
  }

  /** How far it is, what failed, and what can be done. */
  render(rows: readonly TensorError[]) {
    const quantized = rows.filter(isQuantized);
    const done = quantized.filter(({ name }) => this.values.has(name)).length;
    const [failed] = this.failures;
    if (done === quantized.length) return nothing;
    return html`<div class="divergences">
      <span role="status" data-testid="divergences">${
        this.running
          ? `Comparing the histograms of all values: ${count(done)} of ${count(quantized.length)} tensors`
          : `The histograms of ${count(done)} of ${count(quantized.length)} tensors are compared`
      }</span>
      ${
        this.running
          ? html`<button class="link" @click=${() => this.stop()}>Stop</button>`
          : html`<button class="link" @click=${() => void this.start(rows)}>Compare the Others</button>`
      }
      ${
        failed
          ? html`<span class="failed" title=${failed[1]}>${count(this.failures.size)} could not be: ${failed[0]}: ${failed[1]}</span>`
          : nothing
      }
    </div>`;
  }
}

function metricOf(values: ReadonlyMap<string, number>): Metric {
  return {
    name: 'kl',
    label: 'KL',
    unit: 'bits',
    better: 'low',
    value: ({ name }) => values.get(name) ?? Number.NaN,
    stretch: Math.log10,
    format: (value) => (Number.isNaN(value) ? '…' : padded(value, 3)),
  };
}
