/** What the webviews and the extension host say to each other. */
import type { SerializedError } from '../errors';
import type {
  Against,
  Catalogue,
  EngineContract,
  ErrorDetail,
  ErrorTile,
  MetadataSlice,
  OpenProgress,
  QuantizeReport,
  Region,
  SchemeChoice,
  TensorStats,
  Tile,
} from './engineApi';
import type { ImportanceStatistics } from './importanceApi';
import type { MemoryPageContract } from './memoryPageApi';
import type { SchemeBytesPageContract } from './schemeBytesApi';
import type { SensitivityPageContract } from './sensitivityPageApi';

/** Plain data of settings that the views honour. */
export interface ViewSettings {
  /** Sequential colour map. */
  readonly colorMap: 'viridis' | 'cividis';
  /** A channel is an outlier beyond this many times the median of its axis. */
  readonly outlierFactor: number;
}

/** Asked by the checkpoint page. */
export type CheckpointHostContract = SensitivityPageContract &
  MemoryPageContract &
  SchemeBytesPageContract & {
    /** The page is ready; the host answers with what to show. A refused file is an answer, not a failure. */
    ready: {
      params: Record<string, never>;
      result:
        | {
            ok: true;
            catalogue: Catalogue;
            settings: ViewSettings;
            backend: string;
            trusted: boolean;
            /** Where the model came from, when it is no file of this machine; shown as a notice. */
            origin?: string | undefined;
            /** The tab that was asked for with the editor. */
            tab?: 'memory' | undefined;
          }
        | { ok: false; error: SerializedError; fileName: string };
    };
    /** Statistics of one tensor, channels included. */
    stats: { params: { tensor: number }; result: TensorStats | null };
    /** Statistics of the given tensors (all: every index), channels summed up; progress comes in batches. */
    analyze: {
      params: { tensors: readonly number[] };
      result: { done: number };
      progress: {
        batch: readonly { index: number; stats: TensorStats | null }[];
        done: number;
        total: number;
        /** Undefined until there is something to measure. */
        bytesPerSecond?: number | undefined;
        secondsLeft?: number | undefined;
        /** Nothing is read while no page of the checkpoint is shown. */
        isPaused?: boolean | undefined;
      };
    };
    /** While `analyze` runs: these tensors are on screen and come first. */
    prioritize: { params: { tensors: readonly number[] }; result: undefined };
    tile: {
      params: { tensor: number; region?: Region | undefined; rows: number; columns: number };
      result: Tile;
    };
    /** Of an importance matrix: its statistics. */
    importance: { params: Record<string, never>; result: ImportanceStatistics };
    /** A run of an array's values that the catalogue holds only the head of. */
    metadataSlice: { params: { key: string; start: number; count: number }; result: MetadataSlice };
    /** One tensor's values over any range, and how many lie beyond so many sigma. */
    distribution: {
      params: Omit<EngineContract['distribution']['params'], 'path' | 'generation'>;
      result: EngineContract['distribution']['result'];
    };
    /** Has the user choose one of the checkpoint's tensors; null when they chose none. */
    pickTensor: {
      params: { title: string /** Left out of the list. */; except?: number | undefined };
      result: number | null;
    };
    /** Runs an action of the host. */
    action: {
      params:
        | { kind: 'quantize' }
        /** Opens the tensor viewer. */
        | { kind: 'viewTensor'; tensor: number }
        | { kind: 'openAsText' }
        | { kind: 'openAsHex' }
        /** Shows a file of the checkpoint in the Explorer; without one, the file that was opened. */
        | { kind: 'revealInExplorer'; file?: number | undefined }
        | { kind: 'exportTensors' }
        /** Opens the documentation of a finding's code. */
        | { kind: 'findingHelp'; code: string }
        | { kind: 'retry' }
        | { kind: 'showProblems' }
        | { kind: 'copy'; text: string };
      result: undefined;
    };
  };

/** Asked by the host of the checkpoint page. */
export type CheckpointPageContract = {
  /** How far a model of several files is read; comes while `ready` has no answer yet. */
  opening: { params: OpenProgress; result: undefined };
  /** The engine ended and was restarted, or the file changed on disk: shown as a notice. An empty message takes it back. */
  notice: { params: { kind: 'engine' | 'changed'; message: string }; result: undefined };
  /** What quantization would run on, once the engine has looked: "CPU: no GPU adapter". */
  backend: { params: { text: string }; result: undefined };
  /** New content after a reload. */
  reload: { params: Record<string, never>; result: undefined };
  /** Figures of an earlier analysis, in a few portions after `ready` was answered. */
  figures: { params: { batch: readonly { index: number; stats: TensorStats | null }[] }; result: undefined };
  /** Runs an action of the page, for commands and tests. */
  run: {
    params: { kind: 'analyzeAll' | 'focusFilter' | 'cancelAnalysis' | 'showMemory' };
    result: undefined;
  };
};

/** A scheme beside that of an error report. */
export interface ComparedScheme {
  readonly choice: SchemeChoice;
  readonly label: string;
}

/** Asked by the error report page. */
export type ReportHostContract = {
  ready: {
    params: Record<string, never>;
    result: { report: QuantizeReport; against: Against; catalogue: Catalogue; settings: ViewSettings };
  };
  errorTile: {
    params: {
      tensor: number;
      region?: Region | undefined;
      rows: number;
      columns: number;
      /** Another scheme than the report's. */
      choice?: SchemeChoice | undefined;
      /** Also the codes, where each cell is one value. */
      codes?: boolean | undefined;
    };
    result: ErrorTile;
  };
  errorDetail: {
    /** `background`: nobody waits for just this one. */
    params: { tensor: number; choice?: SchemeChoice | undefined; background?: boolean | undefined };
    result: ErrorDetail;
  };
  /**
   * Measures the errors that were left for later, from the source and the output, and keeps them with the report. Fails with
   * `changed` where the source is not what was quantized, or the output not what was written.
   */
  measure: {
    params: Record<string, never>;
    result: QuantizeReport;
    /** Tensors. */
    progress: { done: number; total: number };
  };
  /** Asks the user for another scheme to compare with; null when they chose none. */
  pickScheme: { params: Record<string, never>; result: ComparedScheme | null };
  action: {
    params:
      | { kind: 'openResult' }
      | { kind: 'openSource' }
      | { kind: 'copy'; text: string }
      /** Asks for a file; its ending tells the format. */
      | { kind: 'saveTable'; csv: string; markdown: string };
    result: undefined;
  };
};

export type ReportPageContract = {
  /** Selects a tensor by index, for commands and tests. */
  select: { params: { tensor: number }; result: undefined };
};
