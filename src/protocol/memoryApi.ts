/** What is asked and told of a model's memory. */

import type { GpuRoom, MemoryEstimate, MemoryRequest } from '../estimate/types';

export type {
  BytesEstimate,
  CachePart,
  Certainty,
  FitMark,
  FitReport,
  FitVerdict,
  GpuRoom,
  MemoryEstimate,
  MemoryPartKind,
  MemoryRequest,
  Optimizer,
  Runtime,
  SchemeRow,
  TrainingMethod,
  TrainingReport,
  TrainingRequest,
  ZeroStage,
} from '../estimate/types';

/** Files of a model, or a config.json of one that is not there. */
export type MemoryParams = Omit<MemoryRequest, 'gpus' | 'devices'> & {
  /** Together: "24GB", a model's name such as "RTX 4090" or "2x RTX 4090", or "here" for what this machine has. */
  readonly gpus?: readonly string[] | undefined;
  /** Each by itself: as `gpus`, several joined by "+"; "ram" for the machine's memory; "NAME=24GB" for another size. */
  readonly devices?: readonly string[] | undefined;
} & ({ readonly path: string } | { readonly config: string });

/** What a setting can be made of. */
export interface MemoryChoices {
  /** GPUs of this machine whose memory is told. */
  readonly here: readonly GpuRoom[];
  readonly ramBytes: number;
  /** GPUs that others have, from small to large. */
  readonly common: readonly GpuRoom[];
  /** Types of the cache. */
  readonly cacheDtypes: readonly string[];
}

export type MemoryContract = {
  /** From headers, or from a config.json alone: nothing else is read. */
  memory: { params: MemoryParams; result: MemoryEstimate };
  memoryChoices: { params: Record<string, never>; result: MemoryChoices };
};
