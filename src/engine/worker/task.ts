/** What worker threads are asked, and what they answer: plain data, summaries only. */
import type { SerializedError } from '../../errors';
import type { CheckpointFile } from '../../formats/checkpoint';
import type { ErrorSums, SigmaCounts } from '../../kernels/kernels';
import type { BandCounts, Bands } from '../../kernels/valueFolds';
import type { PlacedError, Region, ScaleDtype, SchemeName, TensorStats } from '../../protocol/engineApi';
import type { StatsRecords } from '../../protocol/statsRecords';
import type { Knowledge, Setting } from '../../quant/scheme';
import type { DivergenceBins } from '../../quant/valueDivergence';
import type { FinalizeOptions, SigmaThresholds } from '../../stats/finalizeStats';
import type { CountedStats } from '../../stats/partialStats';
import type { Block } from '../matrix';
import type { FileSpan, TensorSource } from '../tensorSource';
import type { SensitivityResults, SensitivityTasks } from './sensitivityTasks';
import type { ViewResults, ViewTask } from './viewTasks';
import type { WarmTask } from './warmTask';

/** Parameters of rows, one entry a row. */
export interface RowParameters {
  readonly scale: Float32Array;
  readonly inverse: Float32Array;
  /** Offset-binary, 0 to 255. */
  readonly zero: Float32Array;
}

/** Statistics of one part. With `figures` the part is the whole tensor, and the answer is final. */
export interface StatsTask {
  readonly kind: 'stats';
  readonly source: TensorSource;
  readonly part: Block;
  readonly channels: boolean;
  readonly figures?: FinalizeOptions | undefined;
  /** Rings that a sample suggests; values in them come back with a part's answer. */
  readonly bands?: Bands | undefined;
}

/** A guess of mean and sigma from some blocks of a tensor. */
export interface SampleTask {
  readonly kind: 'sample';
  readonly source: TensorSource;
  readonly blocks: readonly Block[];
  /** Set where the blocks are not from all over the tensor, so that the guess may be farther off. */
  readonly isLocal?: boolean | undefined;
}

/** What a sample suggests, and whether that may be far off. */
export interface SampleAnswer extends SigmaThresholds {
  readonly isRough: boolean;
}

export interface PartAnswer {
  readonly partial: CountedStats;
  readonly bands: BandCounts | undefined;
}

/** Final statistics of small tensors that lie near one another, each in one part. */
export interface StatsBatchTask {
  readonly kind: 'statsBatch';
  readonly sources: readonly TensorSource[];
  /** Places of the sources in the catalogue, for records. */
  readonly indices: readonly number[];
  /** A run of bytes that holds most of their values, worth one read. */
  readonly span: FileSpan & { readonly bytes: number };
  readonly channels: boolean;
  readonly figures: FinalizeOptions;
  /** Answer with records, which leave out histograms and arrays of channels. */
  readonly asRecords: boolean;
}

export type StatsBatchResult =
  | { readonly records: StatsRecords }
  | { readonly stats: readonly TensorStats[] };

export interface CountTask {
  readonly kind: 'count';
  readonly source: TensorSource;
  readonly part: Block;
  readonly thresholds: SigmaThresholds;
}

/** Smallest and largest value of each row of whole rows; fails with `non-finite`. */
export interface RangesTask {
  readonly kind: 'ranges';
  readonly source: TensorSource;
  readonly part: Block;
}

/** How a row's parameters are had: from its own values, or given because they are the tensor's. */
export type ParameterRule =
  | { readonly kind: 'row'; readonly scaleDtype: ScaleDtype }
  | { readonly kind: 'given'; readonly scale: number; readonly inverse: number; readonly zero: number };

/** Quantizes whole rows, sums the error, and writes the codes when `output` is given. */
export interface EncodeTask {
  readonly kind: 'encode';
  readonly source: TensorSource;
  readonly part: Block;
  readonly scheme: SchemeName;
  readonly rule: ParameterRule;
  /** Left out: true. */
  readonly sumsErrors?: boolean | undefined;
  readonly output?:
    | {
        readonly path: string;
        /** Of the tensor's first code. */
        readonly byteOffset: number;
        readonly strideBytes: number;
      }
    | undefined;
}

export interface EncodeResult {
  /** undefined where they were not asked for. */
  readonly sums: ErrorSums | undefined;
  readonly scale: Float32Array;
  readonly zero: Uint8Array;
}

/** A pass of a scheme over some windows (see `BandWindow`) of the flattened tensor. */
export interface SurveyTask {
  readonly kind: 'survey';
  readonly source: TensorSource;
  readonly setting: Setting;
  /** Results of the passes before. */
  readonly known: Knowledge;
  readonly firstWindow: number;
  readonly endWindow: number;
}

/** As EncodeTask by any scheme. Windows that begin in the part are written when `output` is given. */
export interface BandsTask {
  readonly kind: 'bands';
  readonly source: TensorSource;
  readonly part: Block;
  readonly setting: Setting;
  readonly known: Knowledge;
  /** Left out: true. */
  readonly sumsErrors?: boolean | undefined;
  readonly output?:
    | {
        readonly path: string;
        /** Where each piece begins in the file, by its suffix. */
        readonly pieces: ReadonlyMap<string, number>;
      }
    | undefined;
}

/** What a source is compared with, row by row. */
export type Counterpart =
  /** Codes computed on the fly; the parameters are those of `firstRow` and the rows after it. */
  | {
      readonly kind: 'scheme';
      readonly scheme: SchemeName;
      readonly firstRow: number;
      readonly parameters: RowParameters;
    }
  /** Any scheme, encoded on the fly by its plain code. */
  | { readonly kind: 'encoding'; readonly setting: Setting; readonly known: Knowledge }
  /** Another tensor of the same shape, or one that holds the transpose. */
  | { readonly kind: 'tensor'; readonly source: TensorSource; readonly isTransposed?: boolean | undefined };

/** Error sums of whole rows against a counterpart; with bins also profiles and histograms. */
export interface CompareTask {
  readonly kind: 'compare';
  readonly source: TensorSource;
  readonly part: Block;
  readonly counterpart: Counterpart;
  readonly detail?:
    | {
        readonly bins: DivergenceBins;
        /** Of the histograms whose divergence is taken. */
        readonly divergence: DivergenceBins;
      }
    | undefined;
}

export interface CompareResult {
  readonly sums: ErrorSums;
  readonly detail?:
    | {
        /** Sums of |error|. */
        readonly rows: Float64Array;
        readonly columns: Float64Array;
        readonly original: Float64Array;
        readonly dequantized: Float64Array;
        readonly divergence: { readonly original: Float64Array; readonly dequantized: Float64Array };
        /** The part's largest errors, in the order of `ErrorDetail.worst`. */
        readonly worst: readonly PlacedError[];
      }
    | undefined;
}

/** Some rows of cells of a region that is folded into rows x columns cells beside those of a counterpart. */
export interface ErrorFoldTask {
  readonly kind: 'errorFold';
  readonly source: TensorSource;
  readonly region: Region;
  readonly rows: number;
  readonly columns: number;
  /** Half-open range of the cells' rows. */
  readonly cellRow0: number;
  readonly cellRow1: number;
  readonly counterpart: Counterpart;
}

export interface ErrorFoldResult {
  /** Largest magnitude with its sign; NaN where there is one. */
  readonly original: Float32Array;
  readonly dequantized: Float32Array;
  /** Mean |error|. */
  readonly error: Float32Array;
  /** Error of largest magnitude with its sign. */
  readonly signed: Float32Array;
}

/** Codes of each value of a region. */
export interface CodesTask {
  readonly kind: 'codes';
  readonly source: TensorSource;
  readonly region: Region;
  readonly counterpart: Counterpart;
}

/** Row-major; codes as they are kept, offset-binary. Undefined: the scheme has none. */
export type CodesResult =
  | {
      readonly codes: Uint8Array;
      readonly dequantized: Float32Array;
      /** NaN: the value is kept apart, or the scheme has none. */
      readonly scales: Float32Array;
      readonly zeros: Float32Array;
    }
  | undefined;

export interface CopyTask {
  readonly kind: 'copy';
  readonly file: CheckpointFile;
  readonly byteOffset: number;
  readonly bytes: number;
  readonly path: string;
  readonly targetOffset: number;
}

export type Task =
  | StatsTask
  | StatsBatchTask
  | SampleTask
  | CountTask
  | RangesTask
  | EncodeTask
  | SurveyTask
  | BandsTask
  | CompareTask
  | ErrorFoldTask
  | CodesTask
  | CopyTask
  | WarmTask
  | SensitivityTasks
  | ViewTask;

interface Results extends ViewResults, SensitivityResults {
  stats: PartAnswer | TensorStats;
  sample: SampleAnswer | undefined;
  statsBatch: StatsBatchResult;
  count: SigmaCounts;
  ranges: { readonly min: Float32Array; readonly max: Float32Array };
  encode: EncodeResult;
  survey: Float64Array;
  bands: {
    /** undefined where they were not asked for. */
    readonly sums: ErrorSums | undefined;
  };
  compare: CompareResult;
  errorFold: ErrorFoldResult;
  codes: CodesResult;
  copy: undefined;
  warm: boolean;
}

export type TaskResult<T extends Task> = Results[T['kind']];

export interface TaskRequest {
  readonly id: number;
  readonly task: Task;
  /** Not 0: stop. */
  readonly cancel: Int32Array;
}

export type TaskReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: SerializedError };
