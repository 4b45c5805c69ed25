/** What a histogram shows of a tensor: a range's bins, another tensor's over them, and the values beyond k sigma. */
import type { DisplayHistogram, TensorStats } from '../../../src/protocol/engineApi';
import { LoupeError } from '../../../src/protocol/rpc';
import { isSameRange, joinedRange, type ValueRange } from '../../draw/histogramZoom';
import { formatInteger } from '../../state/format';
import type {
  Distribution,
  DistributionRequest,
  DistributionSource,
  HistogramOverlay,
} from './histogramSource';

const bins = 128;
/** Wheel steps come in bursts: the bins are counted when they end. */
const askDelayMs = 70;
const firstSigmas = 6;

/** The tensor, and who counts its values anew. */
export interface CountedTensor {
  readonly stats: TensorStats;
  /** Without it there is no zoom and nothing to compare with. */
  readonly distribution: DistributionSource | undefined;
  /** Asks the user for another tensor; undefined when they chose none. */
  readonly pickOverlay: (() => Promise<HistogramOverlay | undefined>) | undefined;
  /** Tells a screen reader. */
  readonly announce: ((text: string) => void) | undefined;
}

export interface ShownBins {
  readonly histogram: DisplayHistogram;
  /** The overlay's values in the same bins. */
  readonly other: DisplayHistogram | undefined;
}

export interface HistogramCountsState {
  readonly shown: ShownBins | undefined;
  /** What is zoomed into; undefined: everything. */
  readonly range: ValueRange | undefined;
  readonly overlay: (HistogramOverlay & { readonly full: DisplayHistogram }) | undefined;
  readonly sigmas: number;
  /** Of another number of sigma while that one is counted. */
  readonly beyond: Distribution['beyond'][number] | undefined;
  /** What is being done, or what went wrong. */
  readonly note: string;
}

export const noCounts: HistogramCountsState = {
  shown: undefined,
  range: undefined,
  overlay: undefined,
  sigmas: firstSigmas,
  beyond: undefined,
  note: '',
};

/** Keeps the state, asks for what it lacks, and drops answers that came too late. */
export class HistogramCounts {
  private state = noCounts;
  private abort: AbortController | undefined;
  private sigmaAbort: AbortController | undefined;
  private timer = 0;

  constructor(
    private readonly tensor: CountedTensor,
    private readonly changed: (state: HistogramCountsState) => void,
    /** The bins of a range have come. */
    private readonly rangeCounted: () => void,
  ) {}

  /** Everything that the tensor and its overlay reach over. Only of a tensor that has a histogram. */
  get full(): ValueRange {
    const own = this.tensor.stats.histogram!;
    return joinedRange({ min: own.min, max: own.max }, this.state.overlay?.full);
  }

  /** What the other tensor's counts are multiplied by, so that both have as many values. */
  get overlayScale(): number {
    const { stats } = this.tensor;
    const total = this.state.overlay?.full.counts.reduce((sum, count) => sum + count, 0) ?? 0;
    return total > 0 ? (stats.count - stats.nan - stats.inf) / total : 1;
  }

  /** Begins anew with the tensor as it is now. */
  begin(): void {
    this.stop();
    const { histogram } = this.tensor.stats;
    this.put({
      ...noCounts,
      sigmas: this.state.sigmas,
      shown: histogram ? { histogram, other: undefined } : undefined,
    });
    this.askBeyond();
  }

  stop(): void {
    window.clearTimeout(this.timer);
    this.abort?.abort();
    this.sigmaAbort?.abort();
  }

  /** False when that is what is shown. */
  zoom(range: ValueRange | undefined): boolean {
    const wanted = range && !isSameRange(range, this.full) ? range : undefined;
    if (wanted === this.state.range) return false;
    this.put({ range: wanted });
    this.ask(wanted ? askDelayMs : 0);
    return true;
  }

  setSigmas(sigmas: number): void {
    this.put({ sigmas });
    this.askBeyond();
  }

  removeOverlay(): void {
    this.put({ overlay: undefined });
    this.ask(0);
  }

  /** Asks for another tensor and lays it over this one. */
  async compare(): Promise<void> {
    const { stats } = this.tensor;
    try {
      const overlay = await this.tensor.pickOverlay?.();
      if (!overlay || this.tensor.stats !== stats) return;
      const abort = new AbortController();
      this.abort?.abort();
      this.abort = abort;
      this.put({ note: `Reading ${overlay.label}…` });
      const { histogram } = await overlay.distribution({ bins }, abort.signal);
      if (abort.signal.aborted) return;
      if (!histogram) {
        this.put({ note: `${overlay.label} has no finite value.` });
        return;
      }
      this.put({ overlay: { ...overlay, full: histogram } });
      this.tensor.announce?.(`${overlay.label} is laid over ${stats.name}.`);
      this.ask(0);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'cancelled' && this.tensor.stats === stats) this.put({ note: error.message });
    }
  }

  private put(change: Partial<HistogramCountsState>): void {
    this.state = { ...this.state, ...change };
    this.changed(this.state);
  }

  /** Counts the bins of what is shown now, after a delay in which more may come. */
  private ask(delayMs: number): void {
    window.clearTimeout(this.timer);
    this.abort?.abort();
    const own = this.tensor.stats.histogram;
    if (!own) return;
    if (!this.state.range && !this.state.overlay) {
      this.put({ note: '', shown: { histogram: own, other: undefined } });
      return;
    }
    this.put({ note: 'Counting…' });
    const abort = new AbortController();
    this.abort = abort;
    this.timer = window.setTimeout(() => void this.askNow(abort), delayMs);
  }

  private async askNow(abort: AbortController): Promise<void> {
    const { distribution } = this.tensor;
    if (!distribution) return;
    const request: DistributionRequest = { bins, range: this.state.range ?? this.full };
    try {
      const [first, second] = await Promise.all([
        distribution(request, abort.signal),
        this.state.overlay?.distribution(request, abort.signal),
      ]);
      if (abort.signal.aborted) return;
      this.put({ note: '' });
      if (first.histogram)
        this.put({ shown: { histogram: first.histogram, other: second?.histogram ?? undefined } });
      if (this.state.range) this.rangeCounted();
    } catch (thrown) {
      this.noteFailure(thrown, abort);
    }
  }

  private askBeyond(): void {
    const { stats, distribution } = this.tensor;
    const { sigmas } = this.state;
    const { sigma3, sigma6 } = stats.outliers;
    // An answer for the number before would take the place of this one's.
    this.sigmaAbort?.abort();
    // Those two come with every tensor, exact.
    if (sigmas === 3 || sigmas === 6) {
      this.put({ beyond: { sigma: sigmas, count: sigmas === 3 ? sigma3 : sigma6, isExact: true } });
      return;
    }
    if (!distribution) return;
    const abort = new AbortController();
    this.sigmaAbort = abort;
    distribution({ bins, sigmas: [sigmas] }, abort.signal).then(
      ({ beyond }) => {
        const answer = beyond[0];
        if (abort.signal.aborted || !answer) return;
        this.put({ beyond: answer });
        this.tensor.announce?.(`${formatInteger(answer.count)} values beyond ${sigmas} standard deviations.`);
      },
      (thrown) => this.noteFailure(thrown, abort),
    );
  }

  private noteFailure(thrown: unknown, abort: AbortController): void {
    const error = LoupeError.from(thrown);
    if (!abort.signal.aborted && error.code !== 'cancelled') this.put({ note: error.message });
  }
}
