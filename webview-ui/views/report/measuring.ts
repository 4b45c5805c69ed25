/** Errors that were left to be measured after writing: how many, the action that measures them, and how far it is. */
import { html, nothing } from 'lit';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import type { QuantizeReport } from '../../../src/protocol/engineApi';
import { notMeasured, unmeasuredCount } from '../../../src/protocol/measuredReport';
import { count } from './figures';

/** Asks for the report with its errors. */
export type MeasureErrors = (options: {
  readonly signal: AbortSignal;
  readonly progress: (told: { done: number; total: number }) => void;
}) => Promise<QuantizeReport>;

export class Measuring {
  private running: AbortController | undefined;
  private isCancelling = false;
  private done = 0;
  private total = 0;
  private failure: string | undefined;

  /** `changed` hears of every step, `measured` of the report once it has its errors. */
  constructor(
    private readonly measure: MeasureErrors,
    private readonly measured: (report: QuantizeReport) => void,
    private readonly changed: () => void,
  ) {}

  /** Does nothing while it is under way. Failures are shown. */
  async start(): Promise<void> {
    if (this.running) return;
    const running = new AbortController();
    Object.assign(this, { running, isCancelling: false, done: 0, total: 0, failure: undefined });
    this.changed();
    try {
      const report = await this.measure({
        signal: running.signal,
        progress: ({ done, total }) => {
          Object.assign(this, { done, total });
          this.changed();
        },
      });
      this.measured(report);
    } catch (thrown) {
      if (!running.signal.aborted) this.failure = thrown instanceof Error ? thrown.message : String(thrown);
    } finally {
      this.running = undefined;
      this.changed();
    }
  }

  cancel(): void {
    this.running?.abort();
    this.isCancelling = true;
    this.changed();
  }

  /** Nothing where all errors are known. */
  render(report: QuantizeReport) {
    const left = unmeasuredCount(report);
    if (left === 0) return nothing;
    return html`<section class="unmeasured" aria-label="Errors that were not measured" data-testid="unmeasured">
      <div class="unmeasured-text">${this.running ? this.progressText() : this.stateText(report, left)}</div>
      ${this.button()}
      ${
        this.running
          ? html`<vscode-progress-bar class="unmeasured-bar" .value=${this.done} .max=${Math.max(1, this.total)} aria-label="Measuring errors"></vscode-progress-bar>`
          : nothing
      }
    </section>`;
  }

  /** One button for both, so that the focus stays where it was pressed; for the same reason it is not disabled while it cancels. */
  private button() {
    const isRunning = this.running !== undefined;
    return html`<vscode-button
      class="unmeasured-action"
      data-testid=${isRunning ? 'measure-cancel' : 'measure'}
      title=${isRunning ? nothing : 'Reads both models once, and keeps the figures with this report'}
      ?secondary=${isRunning}
      @click=${() => (isRunning ? this.cancel() : void this.start())}
    >${isRunning ? 'Cancel' : 'Measure Errors'}</vscode-button>`;
  }

  /** The count changes ten times a second and stands beside what is spoken: the progress bar tells it to those who ask. */
  private progressText() {
    const { done, total, isCancelling } = this;
    if (isCancelling) return html`<span role="status">Cancelling…</span>`;
    const state = total === 0 ? 'Opening both models…' : 'Comparing the output with its source';
    const reached =
      total === 0 ? '' : `: ${count(done)} of ${count(total)} ${total === 1 ? 'tensor' : 'tensors'}`;
    return html`<span data-testid="measure-progress"><span role="status">${state}</span><span aria-hidden="true">${reached}</span></span>`;
  }

  private stateText({ tensors }: QuantizeReport, left: number) {
    const tried = tensors.find(({ isUnmeasured, note }) => isUnmeasured && note?.includes(notMeasured));
    const reason = tried?.note?.split(notMeasured)[1];
    return html`<span>${
      left === 1
        ? 'The error of one tensor was not measured'
        : `The errors of ${count(left)} tensors were not measured`
    }${tried ? html`: ${tried.name}, ${reason}` : ' while this model was written'}.</span>
      ${
        this.failure === undefined
          ? nothing
          : html`<span class="failure" role="alert">They could not be measured: ${this.failure}</span>`
      }`;
  }
}
