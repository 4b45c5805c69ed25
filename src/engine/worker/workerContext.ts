/** What tasks work with inside a thread. */
import type { Kernels } from '../../kernels/kernels';
import type { LevelName } from '../../quant/bandKernels/bandKernel';
import type { BinState } from '../../stats/segment';
import type { FileCache } from './fileCache';
import type { SegmentReader } from './segmentReader';

/** Turns float32 rows into codes. The kernels do it; a thread of ONNX Runtime has a graph do it. */
export interface Encoder {
  /** Elements that are worth one call. */
  readonly batchElements: number;
  /** Set where a graph makes the codes. */
  readonly isGraph?: boolean;
  /**
   * Codes of rows x columns float32 at `x` go to `codes`, rows `strideBytes` apart; inverses and zeros hold
   * one float32 a row.
   */
  encode(job: EncodeCall): void | Promise<void>;
}

export interface EncodeCall {
  readonly x: number;
  readonly codes: number;
  readonly rows: number;
  readonly columns: number;
  readonly strideBytes: number;
  readonly inverses: number;
  readonly zeros: number;
  readonly low: number;
  readonly high: number;
  /** Inverses and zeros hold one a column; a graph's, as the next. */
  readonly byColumn?: boolean;
  readonly level?: LevelName;
  /** Zero points are added before the rounding; a graph's, too. */
  readonly isRefined?: boolean;
}

export interface WorkerContext {
  readonly kernels: Kernels;
  readonly files: FileCache;
  readonly reader: SegmentReader;
  readonly encoder: Encoder;
  /** Of a batch, whose tensors all use the memory from the same place on. */
  readonly bins?: BinState | undefined;
  /** Throws `cancelled` when the job's flag is set; called between segments. */
  checkCancelled(): void;
}
