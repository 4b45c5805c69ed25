/** The page of compute backends: the candidates and their speed, what GPUs run natively, and the files of CUDA. */
import { html, LitElement, nothing } from 'lit';
import type { BackendReport, GpuSpecification } from '../../../src/protocol/backendApi';
import type {
  BackendSetting,
  BackendsHostContract,
  BackendsPageContract,
} from '../../../src/protocol/backendPageApi';
import { backendLabels, gigabytes } from '../../../src/protocol/backendTexts';
import { LoupeError, type Rpc } from '../../../src/protocol/rpc';
import type { StateKeeper } from '../../state/stateKeeper';
import { candidateTable } from './candidateTable';
import { cudaSection } from './cudaSection';
import { gpuView } from './gpuView';

type Shown = BackendsHostContract['ready']['result'];

/** What survives hiding and reloading. */
interface Kept {
  /** Name of the GPU that was asked about. */
  readonly gpu?: string | undefined;
}

export class BackendsPage extends LitElement {
  static override properties = {
    phase: { state: true },
    reports: { state: true },
    asked: { state: true },
    measuring: { state: true },
    said: { state: true },
  };

  declare rpc: Rpc<BackendsPageContract, BackendsHostContract>;
  declare keeper: StateKeeper;
  declare private phase:
    | { kind: 'loading' }
    | { kind: 'failed'; message: string }
    | { kind: 'ready'; shown: Shown };
  declare private reports:
    | { kind: 'trying' }
    | { kind: 'failed'; message: string }
    | { kind: 'known'; reports: readonly BackendReport[] };
  /** A GPU from the list, which is shown in place of those that are here. */
  declare private asked: GpuSpecification | undefined;
  declare private measuring: { name: string; done: number; total: number; isEnding: boolean } | undefined;
  /** For the live region. */
  declare private said: string;
  private cancelMeasuring: AbortController | undefined;
  private loads = 0;

  constructor() {
    super();
    this.phase = { kind: 'loading' };
    this.reports = { kind: 'trying' };
    this.said = '';
  }

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.restore();
    void this.load();
  }

  /** Asks everything anew; what is shown stays until the answers come. */
  async load(): Promise<void> {
    const load = ++this.loads;
    try {
      const shown = await this.rpc.call('ready', {});
      if (load !== this.loads) return;
      this.phase = { kind: 'ready', shown };
    } catch (thrown) {
      if (load === this.loads) this.phase = { kind: 'failed', message: LoupeError.from(thrown).message };
      return;
    }
    try {
      const reports = await this.rpc.call('reports', {});
      if (load === this.loads) this.reports = { kind: 'known', reports };
    } catch (thrown) {
      if (load === this.loads) this.reports = { kind: 'failed', message: LoupeError.from(thrown).message };
    }
  }

  private async restore(): Promise<void> {
    const { gpu } = (this.keeper.getState() ?? {}) as Kept;
    if (typeof gpu !== 'string') return;
    this.asked = (await this.rpc.call('gpu', { name: gpu }).catch(() => null)) ?? undefined;
  }

  private async measure(): Promise<void> {
    const controller = new AbortController();
    this.cancelMeasuring = controller;
    this.measuring = { name: '', done: 0, total: 0, isEnding: false };
    try {
      const reports = await this.rpc.call(
        'measure',
        {},
        {
          signal: controller.signal,
          progress: (state) => {
            this.measuring = { ...state, isEnding: controller.signal.aborted };
          },
        },
      );
      this.reports = { kind: 'known', reports };
      this.said = measuredWords(reports);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      this.said = error.code === 'cancelled' ? 'Measuring was cancelled.' : error.message;
      // What was timed by then is kept.
      void this.load();
    } finally {
      this.measuring = undefined;
      this.cancelMeasuring = undefined;
    }
  }

  private cancel(): void {
    this.cancelMeasuring?.abort();
    if (this.measuring) this.measuring = { ...this.measuring, isEnding: true };
  }

  private async choose(value: BackendSetting): Promise<void> {
    if (this.phase.kind !== 'ready') return;
    try {
      const { configured } = await this.rpc.call('choose', { value });
      this.phase = { kind: 'ready', shown: { ...this.phase.shown, configured } };
      this.said = `${value === 'auto' ? 'Automatic' : backendLabels[value]} is in use.`;
    } catch (thrown) {
      this.said = LoupeError.from(thrown).message;
    }
  }

  private async pickGpu(): Promise<void> {
    const picked = await this.rpc.call('pickGpu', {}).catch(() => null);
    if (picked) this.ask(picked);
  }

  private ask(gpu: GpuSpecification | undefined): void {
    this.asked = gpu;
    this.keeper.setState({ gpu: gpu?.name } satisfies Kept);
  }

  private act(action: BackendsHostContract['action']['params']): void {
    void this.rpc.call('action', action).catch(() => undefined);
  }

  protected override render() {
    switch (this.phase.kind) {
      case 'loading':
        return html`<p class="page-message" role="status">Looking for the GPUs of this machine…</p>`;
      case 'failed':
        return html`<div class="page-message" role="alert">
          <h1>The backends cannot be shown</h1>
          <p>${this.phase.message}</p>
          <vscode-button @click=${() => this.load()}>Try Again</vscode-button>
        </div>`;
      case 'ready':
        return html`<div class="page">
          ${this.renderCandidates(this.phase.shown)} ${this.renderGpus(this.phase.shown)}
          ${cudaSection(this.phase.shown.cuda, this.phase.shown.isTrusted, (action) => this.act(action))}
          <p class="visually-hidden" role="status" data-testid="said">${this.said}</p>
        </div>`;
    }
  }

  private renderCandidates({ configured, isTrusted }: Shown) {
    const { reports, measuring } = this;
    return html`<section aria-labelledby="backends-title">
      <div class="head">
        <h2 id="backends-title">Compute backends</h2>
        <span class="spring"></span>
        ${this.renderMeasure()}
        <vscode-button secondary @click=${() => this.act({ kind: 'help' })}>How This Is Measured</vscode-button>
      </div>
      <p class="quiet">What makes the codes of a quantization. Codes are the same on each, bit for bit.</p>
      ${
        isTrusted
          ? nothing
          : html`<p class="notice" role="note">This workspace is not trusted: its own setting of the backend is not honoured.</p>`
      }
      ${
        reports.kind === 'trying'
          ? html`<p role="status" class="waiting">Trying each backend in a process of its own, which takes a few seconds…</p>
              <vscode-progress-bar indeterminate aria-label="Trying backends"></vscode-progress-bar>`
          : reports.kind === 'failed'
            ? html`<p role="alert" class="notice">${reports.message}
                <button class="link" @click=${() => this.load()}>Try again</button></p>`
            : candidateTable({
                reports: reports.reports,
                configured,
                measuring: measuring?.name,
                choose: (value) => void this.choose(value),
              })
      }
    </section>`;
  }

  private renderMeasure() {
    const { measuring, reports } = this;
    if (measuring) {
      const { name, done, total, isEnding } = measuring;
      const label = backendLabels[name as keyof typeof backendLabels];
      return html`<span role="status" data-testid="measuring"
          >${isEnding ? 'Cancelling…' : label ? `Measuring ${label}, ${done + 1} of ${total}…` : 'Measuring…'}</span
        >
        <vscode-button secondary data-testid="cancel-measure" ?disabled=${isEnding} @click=${() => this.cancel()}
          >Cancel</vscode-button
        >`;
    }
    return html`<vscode-button
      data-testid="measure"
      ?disabled=${reports.kind !== 'known'}
      @click=${() => this.measure()}
      >Measure</vscode-button
    >`;
  }

  private renderGpus({ gpus }: Shown) {
    const { asked } = this;
    const shown = asked ? [asked] : gpus;
    return html`<section aria-labelledby="gpus-title">
      <div class="head">
        <h2 id="gpus-title">What ${asked ? 'this GPU runs' : 'the GPUs here run'} natively</h2>
        <span class="spring"></span>
        ${
          asked
            ? html`<vscode-button secondary data-testid="gpus-here" @click=${() => this.ask(undefined)}
                >This Machine</vscode-button
              >`
            : nothing
        }
        <vscode-button secondary data-testid="pick-gpu" @click=${() => this.pickGpu()}>Another GPU…</vscode-button>
      </div>
      <p class="quiet">
        Weights of a kind that a GPU multiplies without converting them first save time as well as memory, when the loader
        quantizes activations too.
      </p>
      ${
        shown.length === 0
          ? html`<p data-testid="no-gpu">The system tells of no GPU here. <button class="link" @click=${() => this.pickGpu()}>Ask about another one</button>,
              such as the one that the model will run on.</p>`
          : shown.map((gpu) => gpuView(gpu, (scheme) => this.act({ kind: 'preview', scheme })))
      }
    </section>`;
  }
}

customElements.define('tl-backends', BackendsPage);

function measuredWords(reports: readonly BackendReport[]): string {
  const words = reports.flatMap(({ name, measured }) =>
    measured === undefined
      ? []
      : [
          `${backendLabels[name]}: ${measured.ok ? `${gigabytes(measured.bytesPerSecond)} gigabytes a second` : measured.reason}`,
        ],
  );
  return `Measured. ${words.join('. ')}.`;
}
