/** What the extension host and the command line ask of the compute process. Only summaries cross. */
import type {
  Architecture,
  CheckpointFile,
  CheckpointFormat,
  Finding,
  GraphSummary,
  MetadataEntry,
  PackedPieces,
  QuantizationSummary,
  Sidecar,
} from '../formats/checkpoint';
import type { OpenProgress } from '../formats/openProgress';
import type { WeightMemory } from '../formats/weightMemory';
import type { HubChoice } from '../hub/hubChoices';
import type { HubAccess, HubFileLocation, HubRepository } from '../hub/hubLocation';
import type { GgufOptions } from '../quant/gguf/options';
import type { Granularity, ScaleDtype, SchemeChoice, SchemeName, TensorError } from '../quant/types';
import type { CountBeyond } from '../stats/sigmaCounts';
import type { DisplayHistogram } from '../stats/types';
import type { BackendContract, BackendName, BackendUse } from './backendApi';
import type { CompareContract } from './compareApi';
import type { CostContract } from './costApi';
import type { ErrorDetail, ErrorTile } from './errorViews';
import type { GgufContract } from './ggufApi';
import type { ImportanceContract } from './importanceApi';
import type { Region, TensorSlice } from './matrixRegion';
import type { MemoryContract } from './memoryApi';
import type { ModelsContract } from './modelsApi';
import type { Recipe, RecipeContract } from './recipeApi';
import type { SchemeBytesContract } from './schemeBytesApi';
import type { SensitivityContract } from './sensitivityApi';
import type { StatsContract } from './statsApi';
import type { TensorViewContract } from './tensorViews';

export type {
  Architecture,
  Finding,
  MetadataEntry,
  MetadataValue,
  PackedPieces,
  Piece,
  QuantizationSummary,
  Sidecar,
  TensorSpan,
} from '../formats/checkpoint';
export type { GgufOptions } from '../quant/gguf/options';
export type { Granularity, ScaleDtype, SchemeChoice, SchemeName, TensorError } from '../quant/types';
export type { CountBeyond } from '../stats/sigmaCounts';
export type {
  AxisStats,
  ChannelDetail,
  ChannelStats,
  DisplayHistogram,
  OutlierChannels,
  PlacedValue,
  TensorStats,
} from '../stats/types';
export type * from './backendApi';
export type { ComparedTensor, Comparison } from './compareApi';
export type { GgufError, GgufTensorError, GgufTypeChoices } from './ggufApi';
export type { Region, TensorSlice } from './matrixRegion';
export type {
  SensitivityCell,
  SensitivityProgress,
  SensitivitySample,
  SensitivityTotal,
} from './sensitivityApi';
export type { StatsCacheSettings, StatsProgress } from './statsApi';

/** The tensors of a checkpoint, column by column: 100,000 of them cross a process border in milliseconds. */
export interface TensorColumns {
  readonly count: number;
  readonly names: readonly string[];
  /** The distinct type names; `dtype` indexes it. */
  readonly dtypes: readonly string[];
  readonly dtype: Uint16Array;
  /** Shapes laid end to end, outermost dimension first; row i is shapeEnd[i-1] .. shapeEnd[i]. */
  readonly shapes: Float64Array;
  readonly shapeEnd: Uint32Array;
  readonly elements: Float64Array;
  readonly bytes: Float64Array;
  readonly file: Uint32Array;
  readonly byteOffset: Float64Array;
  /** Why some tensors' values cannot be read. Lists, not maps: a webview message carries no Map. */
  readonly unreadable: readonly { readonly index: number; readonly reason: string }[];
  /** The stored tensors behind logical weights. */
  readonly pieces: readonly { readonly index: number; readonly pieces: PackedPieces }[];
}

export type { OpenPreview, OpenProgress } from '../formats/openProgress';
export type { WeightMemory };

export interface Catalogue {
  readonly format: CheckpointFormat;
  readonly name: string;
  readonly path: string;
  readonly folder: string;
  readonly files: readonly CheckpointFile[];
  readonly tensors: TensorColumns;
  readonly metadata: readonly MetadataEntry[];
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly architecture?: Architecture | undefined;
  readonly graph?: GraphSummary | undefined;
  readonly quantization?: QuantizationSummary | undefined;
  /** JSON files beside the weights, config.json among them. */
  readonly sidecars?: readonly Sidecar[] | undefined;
  readonly findings: readonly Finding[];
  readonly parameters: number;
  /** Sum of the tensors' bytes. */
  readonly bytes: number;
  readonly memory: readonly WeightMemory[];
  /** Changes whenever a file's size or time does; requests that carry an old one fail with `changed`. */
  readonly generation: string;
}

/** The same, without the tensors: what a hover needs. */
export interface CheckpointBrief {
  readonly format: CheckpointFormat;
  readonly name: string;
  readonly path: string;
  readonly fileCount: number;
  readonly architecture?: Architecture | undefined;
  readonly parameters: number;
  readonly bytes: number;
  readonly dtypes: readonly {
    readonly dtype: string;
    readonly tensors: number;
    readonly parameters: number;
    readonly bytes: number;
  }[];
  readonly memory: readonly WeightMemory[];
  readonly errors: number;
  readonly warnings: number;
}

/** A run of values of an array in a file's metadata. */
export interface MetadataSlice {
  readonly key: string;
  /** Type of one value: "string", "f32" ... */
  readonly type: string;
  /** Values in the whole array. */
  readonly length: number;
  /** Place of the first value given. */
  readonly start: number;
  /** Fewer than asked for at the array's end. A string beyond 1 KiB is cut and ends in "…". */
  readonly values: readonly (string | number | boolean)[];
}

/** What a cell of a tile says of its values: the one of largest magnitude with its sign, their mean, or their RMS. */
export type Aggregate = 'extreme' | 'mean' | 'rms';

/** A region folded into rows x columns cells. */
export interface Tile {
  readonly region: Region;
  readonly rows: number;
  readonly columns: number;
  /** Row-major, by the aggregate asked for; NaN where the cell holds a NaN. */
  readonly values: Float32Array;
  readonly min: number;
  readonly max: number;
}

/** When the errors of a quantization are measured: in the pass that writes, or in one of their own when somebody asks. */
export type ErrorTiming = 'writing' | 'later';

export interface QuantizeRequest extends SchemeChoice {
  /** Says of every tensor what it gets; the request's own choice and `pure` count for nothing then. */
  readonly recipe?: Recipe | undefined;
  readonly path: string;
  /** Folder to write; undefined: beside the model, named after the scheme. */
  readonly out?: string | undefined;
  readonly backend: BackendName | 'auto';
  readonly overwrite: boolean;
  /** Also quantize what the policy keeps (the output head). */
  readonly pure: boolean;
  /** Write nothing; sizes are exact, errors are left out. */
  readonly dryRun: boolean;
  /** In a dry run: give sizes also for what no layout holds. */
  readonly sizesOnly?: boolean | undefined;
  /** Cut the tensors into files of at most so many bytes, in place of the recipe's and the source's own shards. */
  readonly maxShardBytes?: number | undefined;
  /** When the job ends early, keep what is finished and synced: shards, and the first tensors of the next one. */
  readonly keepFinished?: boolean | undefined;
  /** Go on from what an interrupted job kept for this target; without it that is removed. */
  readonly resume?: boolean | undefined;
  /** When errors are measured; `later`: not by this job, and rows say so. Left out: while writing. What is written is the same. */
  readonly errors?: ErrorTiming | undefined;
  /** Of a GGUF model: the mix and what goes with it, in place of the scheme. */
  readonly gguf?: GgufOptions | undefined;
}

/** What an interrupted job kept. */
export interface UnfinishedOutput {
  readonly shardsDone: number;
  readonly shardsTotal: number;
  /** Those of finished shards among them. */
  readonly tensorsDone: number;
  readonly tensorsTotal: number;
  readonly bytesDone: number;
  /** Why it cannot be gone on with, for people: another source, recipe or version. */
  readonly mismatch?: string | undefined;
}

export interface QuantizeProgress {
  /** Set while jobs are done first: how many. Then nothing else counts. */
  readonly waitingFor?: number | undefined;
  readonly tensor: string;
  readonly tensorsDone: number;
  readonly tensorsTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface QuantizeReport {
  readonly source: string;
  readonly sourceName: string;
  /** Files written, absolute. */
  readonly outputs: readonly string[];
  /** What to open: the index or the only weights file of the output. */
  readonly open: string;
  readonly scheme: SchemeName;
  readonly granularity: Granularity;
  readonly scaleDtype?: ScaleDtype | undefined;
  /** All options, and what people call them: "NF4 per block of 64". Reports of earlier versions lack both. */
  readonly choice?: SchemeChoice | undefined;
  readonly label?: string | undefined;
  /** Of a GGUF output: its file type, "Q4_K_M"; `scheme` is the one of its commonest type then. */
  readonly fileType?: string | undefined;
  /** Of a GGUF output: bits of all tensors' data by the number of values. */
  readonly bitsPerWeight?: number | undefined;
  /** Of a dry run for a GGUF output: its type is refused without an importance matrix, and none was given. */
  readonly lacksMatrix?: boolean | undefined;
  /** What was asked for, where that was a recipe. */
  readonly recipe?: Recipe | undefined;
  /** Two checkpoints were compared, and nothing was quantized: `open` is the second one. */
  readonly comparison?: boolean | undefined;
  /** For people: patterns that match nothing, and what loaders may not take. */
  readonly warnings?: readonly string[] | undefined;
  readonly backend: BackendUse;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Of the output's weights; left out where two checkpoints were compared. */
  readonly fileCount?: number | undefined;
  /** Of a dry run: what writing takes on the target's disk, and what is free there where the system tells. */
  readonly space?: { readonly neededBytes: number; readonly freeBytes?: number | undefined } | undefined;
  /** Of a dry run: what an interrupted job kept for the target. */
  readonly unfinished?: UnfinishedOutput | undefined;
  readonly seconds: number;
  /** Of the source's files as they were read; there while some tensors' errors are to be measured. */
  readonly generation?: string | undefined;
  /** Beside it: of the files that were written. Left out where they could not be looked at again. */
  readonly outputGeneration?: string | undefined;
  /** Every tensor of the model, the kept ones too (from === to, note says why). */
  readonly tensors: readonly TensorError[];
}

/** What a quantized tensor is compared with: the same scheme computed on the fly, or a written file. */
export type Against =
  | {
      readonly kind: 'scheme';
      readonly choice: SchemeChoice;
      /** Instead of the choice: what it makes of the tensor. */
      readonly recipe?: Recipe | undefined;
      /** Absolute path of an importance matrix that ggml's types weigh errors by, as for `sensitivity`. */
      readonly imatrix?: string | undefined;
    }
  | { readonly kind: 'file'; readonly path: string };

export type { ErrorDetail, ErrorTile, PlacedError, ScaleGroups, TileCodes } from './errorViews';

export type EngineContract = CompareContract &
  CostContract &
  StatsContract &
  RecipeContract &
  SensitivityContract &
  BackendContract &
  MemoryContract &
  ModelsContract &
  SchemeBytesContract &
  GgufContract &
  ImportanceContract &
  TensorViewContract & {
    hello: { params: Record<string, never>; result: { pid: number; workers: number } };
    /** Tells of a model of several files while it is read: what its index says at once, then how far it is. */
    open: { params: { path: string }; result: Catalogue; progress: OpenProgress };
    /** With `once` the checkpoint is not kept: those that are opened stay in the cache. */
    brief: { params: { path: string; once?: boolean | undefined }; result: CheckpointBrief };
    /** Pages through an array that the catalogue holds only the head of; GGUF alone has them. */
    metadataSlice: {
      params: {
        path: string;
        generation?: string | undefined;
        key: string;
        start: number;
        /** At most 4,096. */
        count: number;
      };
      result: MetadataSlice;
    };
    /**
     * A tensor's values over any range, from the counts of their 16-bit patterns, which are kept of the tensors looked at
     * last: zooming reads nothing. Exact for types of up to 16 bits; of others a pattern's values are taken as evenly spread.
     */
    distribution: {
      params: {
        path: string;
        generation?: string | undefined;
        tensor: number;
        /** 1 to 8,192. */
        bins: number;
        /** Undefined: smallest to largest value. */
        range?: { readonly min: number; readonly max: number } | undefined;
        /** At most 64: how many values lie beyond so many standard deviations. */
        sigmas?: readonly number[] | undefined;
      };
      result: {
        /** null when there is no finite value. */
        histogram: DisplayHistogram | null;
        /** In the order asked for. */
        beyond: readonly CountBeyond[];
      };
    };
    tile: {
      params: {
        path: string;
        generation?: string | undefined;
        tensor: number;
        region?: Region | undefined;
        /** The matrix that `region` is over. */
        slice?: TensorSlice | undefined;
        /** Undefined: 'extreme'. */
        aggregate?: Aggregate | undefined;
        /** Cells, which share the region evenly. */
        rows: number;
        columns: number;
        /**
         * Each cell covers 2^n values along an axis but for the last, which may be cut: then tiles of a level fit together,
         * and coarse ones are put together from kept finer ones. The region begins at a multiple of 2^n, and there are
         * ceil(size / 2^n) cells; n may differ between the axes.
         */
        aligned?: boolean | undefined;
      };
      result: Tile;
    };
    errors: {
      params: {
        path: string;
        choice: SchemeChoice;
        /** Instead of the choice and `pure`. */
        recipe?: Recipe | undefined;
        tensors?: readonly number[] | undefined;
        pure?: boolean | undefined;
        /** Absolute path of an importance matrix that ggml's types weigh errors by, as for `sensitivity`. */
        imatrix?: string | undefined;
      };
      result: readonly TensorError[];
      progress: { done: number; total: number; row: TensorError };
    };
    errorTile: {
      params: {
        path: string;
        tensor: number;
        against: Against;
        region?: Region | undefined;
        rows: number;
        columns: number;
        /** Also the codes that this choice gives: where each cell is one value and there are at most 16,384 of them. */
        codes?: SchemeChoice | undefined;
      };
      result: ErrorTile;
    };
    errorDetail: {
      /** `background`: behind what somebody waits for. */
      params: { path: string; tensor: number; against: Against; background?: boolean | undefined };
      result: ErrorDetail;
    };
    /** Jobs of one engine are done one after the other, in the order in which they were asked for. */
    quantize: { params: QuantizeRequest; result: QuantizeReport; progress: QuantizeProgress };
    /** Removes what an interrupted job kept for the request's target. */
    discardUnfinished: { params: QuantizeRequest; result: Record<string, never> };
    /** Removes what dead processes left of outputs that the journal names. */
    cleanOutputs: { params: Record<string, never>; result: { readonly removed: readonly string[] } };
    /** The checkpoints that a repository on the Hugging Face Hub offers. */
    hubChoices: {
      params: { repository: HubRepository; access: HubAccess };
      result: readonly HubChoice[];
    };
    /**
     * The catalogue of one of them, from headers alone: no values can be asked for, and paths are URIs.
     */
    hubOpen: {
      params: { location: HubFileLocation; access: HubAccess };
      result: Catalogue;
      progress: OpenProgress;
    };
  };
