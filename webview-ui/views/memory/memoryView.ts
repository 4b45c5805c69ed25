/** The Memory tab: a model's need in use or in training against the memory of devices, recomputed as its setting changes. */
import { html, nothing, type TemplateResult } from 'lit';
import type { BytesEstimate, MemoryChoices, MemoryEstimate } from '../../../src/protocol/memoryApi';
import { memoryCommandLine } from '../../../src/protocol/memoryCommandLine';
import { LoupeError } from '../../../src/protocol/rpc';
import { formatBytes, formatInteger } from '../../state/format';
import { initialMemory, type MemoryState, memoryRequest, mostDevices } from '../../state/memoryState';
import type { CheckpointSession } from '../../state/session';
import type { CheckpointRpc, PageContext } from '../pageContext';
import { deviceBars } from './deviceBars';
import { memoryControls } from './memoryControls';
import { deviceText, deviceTitle, verdictWords } from './memoryTexts';
import { partsTable } from './partsTable';
import { schemeTable } from './schemeTable';
import { weightTables } from './weightTables';

/** A slider tells of every pixel; the engine is asked once in a frame. */
const debounceMs = 16;
/** A screen reader hears the result once a slider rests. */
const announceMs = 700;

export class MemoryView {
  private choices: MemoryChoices | undefined;
  private estimate: MemoryEstimate | undefined;
  private error: LoupeError | undefined;
  private timer = 0;
  private announceTimer = 0;
  /** The answer that is waited for; an older one is called off. */
  private asking: AbortController | undefined;
  private isDirty = false;
  private isStarted = false;
  private hasReset = false;
  private isDisposed = false;

  constructor(
    private readonly session: CheckpointSession,
    private readonly page: PageContext,
    private readonly rpc: CheckpointRpc,
  ) {}

  dispose(): void {
    this.isDisposed = true;
    this.asking?.abort();
    window.clearTimeout(this.timer);
    window.clearTimeout(this.announceTimer);
  }

  /** Asks for the first estimate once the tab is looked at. */
  shown(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    void this.start();
  }

  private async start(): Promise<void> {
    this.error = undefined;
    try {
      this.choices = await this.rpc.call('memoryChoices', {});
      if (this.isDisposed) return;
      this.ask();
    } catch (thrown) {
      this.fail(thrown);
    }
    this.page.requestRender();
  }

  private get state(): MemoryState {
    return this.page.state.memory;
  }

  /** The chosen ones; else this machine's GPUs and memory, or two that many have. */
  private get devices(): readonly string[] {
    const { devices } = this.state;
    if (devices) return devices;
    const here = (this.choices?.here ?? []).map(deviceText).slice(0, mostDevices - 1);
    return here.length > 0 ? [...here, 'ram'] : ['RTX 4090', 'H100 SXM', 'ram'];
  }

  private readonly change = (change: Partial<MemoryState>): void => {
    this.page.patch({ memory: { ...this.state, ...change } });
    this.askSoon();
  };

  private askSoon(): void {
    this.isDirty = true;
    if (this.timer || this.asking) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.ask();
    }, debounceMs);
  }

  /** One question at a time: what changes meanwhile is asked when the answer is there. */
  private ask(): void {
    this.isDirty = false;
    const asking = new AbortController();
    this.asking = asking;
    const request = memoryRequest(this.state, this.devices);
    this.rpc
      .call('memoryEstimate', request, { signal: asking.signal })
      .then(
        (estimate) => {
          this.estimate = estimate;
          this.error = undefined;
          this.announceSoon();
        },
        (thrown: unknown) => this.refused(thrown),
      )
      .finally(() => {
        if (this.isDisposed) return;
        this.asking = undefined;
        this.page.requestRender();
        if (this.isDirty) this.ask();
      });
  }

  /** A setting that was kept, and that this version or this model does not have, is dropped. */
  private refused(thrown: unknown): void {
    const isKept = LoupeError.from(thrown).code === 'usage' && !this.estimate && !this.hasReset;
    if (isKept) {
      this.hasReset = true;
      this.isDirty = true;
      this.page.patch({ memory: initialMemory });
    } else this.fail(thrown);
  }

  private fail(thrown: unknown): void {
    const error = LoupeError.from(thrown);
    if (error.code === 'cancelled' || this.isDisposed) return;
    this.error = error;
    this.page.announce(`The memory is not estimated: ${error.message}`);
  }

  private announceSoon(): void {
    window.clearTimeout(this.announceTimer);
    this.announceTimer = window.setTimeout(() => {
      const { estimate } = this;
      if (!estimate || this.isDisposed || this.page.state.tab !== 'memory') return;
      const total = (estimate.training ?? estimate).total.bytes;
      const fits = estimate.fits.map((fit) => `${deviceTitle(fit)}: ${verdictWords[fit.verdict]}`);
      this.page.announce(`${formatBytes(total)}. ${fits.join('. ')}.`);
    }, announceMs);
  }

  private copyCommand(): void {
    const { catalogue } = this.session;
    // "ram" would mean another machine's memory there.
    const devices = this.devices.map((device) =>
      device === 'ram' && this.choices ? `ram=${this.choices.ramBytes}B` : device,
    );
    const { setting } = this.estimate ?? {};
    const request = memoryRequest(
      { ...this.state, context: this.state.context ?? setting?.context },
      devices,
    );
    this.page.copy(memoryCommandLine({ ...request, path: catalogue.path }));
  }

  render(): TemplateResult {
    return html`<section class="page memory-tab" data-testid="memory">
      ${this.content()} ${weightTables(this.session)}
    </section>`;
  }

  private content(): TemplateResult {
    const { estimate, choices, error } = this;
    if (!choices || !estimate) {
      return error
        ? html`<div class="memory-message" role="alert" data-testid="memory-failed">
            <p>The memory in use is not estimated. ${error.message}</p>
            <button type="button" class="plain-button" @click=${() => void this.start()}>Try again</button>
          </div>`
        : html`<p class="quiet memory-message" role="status">Estimating from the header and the configuration…</p>`;
    }
    const isOnDisk = !/^[a-z][a-z-]+:/.test(this.session.catalogue.path);
    return html`<div class="memory-layout">
        <div class="memory-side">
          ${memoryControls({ state: this.state, estimate, cacheDtypes: choices.cacheDtypes }, this.change)}
          <button
            type="button"
            class="plain-button"
            data-testid="memory-copy"
            ?disabled=${!isOnDisk}
            title=${isOnDisk ? 'A line for the terminal that gives the same numbers' : 'The command line reads models of this machine'}
            @click=${() => this.copyCommand()}
          >Copy as command line</button>
        </div>
        <div class="memory-main" aria-busy=${this.asking !== undefined}>
          ${error ? html`<p class="unusual" role="alert" data-testid="memory-failed">${error.message}</p>` : nothing}
          ${this.heading(estimate)}
          ${deviceBars({ estimate, choices }, { add: (device) => this.addDevice(device), remove: (at) => this.removeDevice(at) })}
          <h2>Parts</h2>
          ${partsTable(estimate)} ${notesOf(estimate)}
        </div>
      </div>
      ${
        estimate.training
          ? nothing
          : html`<h2>Schemes and mixes</h2>
            <p class="quiet lead">Sizes are those that quantizing writes. Each column tells whether the whole fits, the largest context that does, and a bound on the tokens a second.</p>
            ${schemeTable(estimate, (scheme) => this.change({ dtype: scheme === this.state.dtype ? undefined : scheme }))}`
      }`;
  }

  private heading(estimate: MemoryEstimate): TemplateResult {
    const { setting, training } = estimate;
    const { total } = training ?? estimate;
    const use = training
      ? `on each GPU, sequences of ${formatInteger(setting.context)} tokens`
      : `${setting.runtime === 'vllm' ? 'vLLM' : setting.runtime}, ${formatInteger(setting.context)} tokens${setting.batch > 1 ? ` in each of ${formatInteger(setting.batch)} sequences` : ''}`;
    return html`<h2 class="memory-total"><span data-testid="memory-total" data-value=${total.bytes}>${formatBytes(total.bytes)}</span>
      <span class="quiet">${use}${rangeOf(total)}</span></h2>`;
  }

  private addDevice(device: string): void {
    if (this.devices.includes(device)) {
      this.page.announce('It is there already.');
      return;
    }
    this.change({ devices: [...this.devices, device].slice(0, mostDevices) });
  }

  private removeDevice(at: number): void {
    this.change({ devices: this.devices.filter((_, index) => index !== at) });
  }
}

function rangeOf({ low, high, certainty }: BytesEstimate): string {
  const of = certainty === 'unknown' ? '; what is known of it' : '';
  return low === high ? of : `${of}; between ${formatBytes(low)} and ${formatBytes(high)}`;
}

function notesOf({ notes }: MemoryEstimate): TemplateResult | typeof nothing {
  return notes.length === 0
    ? nothing
    : html`<ul class="memory-notes small" data-testid="memory-notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`;
}
