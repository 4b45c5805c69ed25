/** Asks the host for everything but pictures of one tensor, and drops answers that came too late. */
import type { TensorSlice } from '../../../src/protocol/engineApi';
import { LoupeError, type Rpc } from '../../../src/protocol/rpc';
import type {
  TensorHostContract,
  TensorPageContract,
  TensorSubject,
} from '../../../src/protocol/tensorViewApi';
import type { ViewSettings } from '../../../src/protocol/webviewApi';
import { MagnitudeRanks, nestedBins, nestedRanges, nesting } from '../../state/magnitudeRanks';
import { type MatrixPlace, sliceSize } from '../../state/matrixPlace';
import type { DistributionSource, HistogramOverlay } from '../histogram/histogramSource';
import type { ElementState } from './elementView';
import type { MatrixProfile } from './matrixDrawing';
import type { MatrixSource } from './matrixScene';
import type { StatsState } from './sidePanel';
import type { ViewChoices } from './viewChoices';

export interface ReaderEvents {
  stats(state: StatsState): void;
  ranks(ranks: MagnitudeRanks | undefined): void;
  profile(profile: MatrixProfile | undefined): void;
  element(state: ElementState): void;
}

/** A cursor that moves on does not ask for every element that it passes, ms. */
const elementRestMs = 70;

export class TensorReader {
  private statsAbort = new AbortController();
  private profileAbort = new AbortController();
  private elementAbort = new AbortController();
  private elementTimer: ReturnType<typeof setTimeout> | undefined;
  private slice: TensorSlice | undefined;
  private channels: MatrixProfile | undefined;

  constructor(
    private readonly rpc: Rpc<TensorPageContract, TensorHostContract>,
    private readonly subject: TensorSubject,
    readonly settings: ViewSettings,
    private readonly events: ReaderEvents,
  ) {}

  dispose(): void {
    this.statsAbort.abort();
    this.profileAbort.abort();
    this.elementAbort.abort();
    clearTimeout(this.elementTimer);
  }

  /** Tiles of the matrix that is chosen. */
  source({ slice, cells }: ViewChoices): MatrixSource {
    const aggregate = cells === 'magnitude' ? 'extreme' : cells;
    return {
      size: sliceSize(this.subject.shape, slice),
      fetch: (request, signal) =>
        this.rpc.call('tile', { ...request, slice, aggregate, aligned: true }, { signal }),
    };
  }

  readonly distribution: DistributionSource = (request, signal) =>
    this.rpc.call('distribution', request, { signal });

  readonly pickOverlay = async (): Promise<HistogramOverlay | undefined> => {
    const chosen = await this.rpc.call('pickOverlay', {});
    if (!chosen) return undefined;
    return {
      label: chosen.name,
      distribution: (request, signal) =>
        this.rpc.call('distribution', { ...request, tensor: chosen.index }, { signal }),
    };
  };

  readStats(): void {
    this.statsAbort.abort();
    this.statsAbort = new AbortController();
    const { signal } = this.statsAbort;
    this.events.stats({ kind: 'reading' });
    void this.takeStats(signal).catch((thrown) => {
      if (!signal.aborted) this.events.stats({ kind: 'impossible', reason: LoupeError.from(thrown).message });
    });
  }

  private async takeStats(signal: AbortSignal): Promise<void> {
    const stats = await this.rpc.call('stats', {}, { signal });
    if (signal.aborted) return;
    if (!stats) {
      this.events.stats({ kind: 'impossible', reason: 'Its values cannot be read.' });
      return;
    }
    this.channels = stats.channels;
    this.events.stats({ kind: 'ready', stats });
    if (!this.slice) this.readProfile(undefined);
    const absmax = stats.absmax ?? 0;
    if (absmax === 0) return;
    const ranges = Array.from({ length: nestedRanges }, (_, at) => absmax / nesting ** at);
    const answers = await Promise.all(
      ranges.map((end) =>
        this.rpc.call('distribution', { bins: nestedBins, range: { min: -end, max: end } }, { signal }),
      ),
    );
    if (signal.aborted) return;
    this.events.ranks(
      MagnitudeRanks.from(answers.flatMap(({ histogram }) => (histogram ? [histogram] : []))),
    );
  }

  /** Without a slice the profile is the channels of the statistics, which come by themselves. */
  readProfile(slice: TensorSlice | undefined): void {
    this.slice = slice;
    this.profileAbort.abort();
    this.profileAbort = new AbortController();
    const { signal } = this.profileAbort;
    if (!slice) {
      if (this.channels) this.events.profile(this.channels);
      return;
    }
    this.rpc.call('profile', { slice }, { signal }).then(
      (profile) => {
        if (!signal.aborted) this.events.profile(profile);
      },
      () => {
        // Axes that are too long have no profile; the picture does without.
        if (!signal.aborted) this.events.profile(undefined);
      },
    );
  }

  readElement(place: MatrixPlace, slice: TensorSlice | undefined, delayMs = elementRestMs): void {
    clearTimeout(this.elementTimer);
    this.elementAbort.abort();
    this.elementAbort = new AbortController();
    const { signal } = this.elementAbort;
    this.elementTimer = setTimeout(() => {
      this.rpc.call('element', { row: place.row, column: place.column, slice }, { signal }).then(
        (reading) => {
          if (!signal.aborted) this.events.element({ kind: 'ready', reading });
        },
        (thrown) => {
          if (!signal.aborted)
            this.events.element({ kind: 'failed', message: LoupeError.from(thrown).message });
        },
      );
    }, delayMs);
  }
}
