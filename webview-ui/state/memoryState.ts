/** What the Memory tab keeps while it is hidden or reloaded, and what it asks for: plain data, checked when it comes back. */
import type { Optimizer, Runtime, TrainingMethod, ZeroStage } from '../../src/protocol/memoryApi';
import { memoryOptimizers, memoryRuntimes, trainingMethods } from '../../src/protocol/memoryCommandLine';
import type { PageMemoryRequest } from '../../src/protocol/memoryPageApi';

export interface MemoryState {
  readonly mode: 'use' | 'training';
  readonly runtime: Runtime;
  /** Tokens of one sequence; undefined: 4,096, or what the model was made for if that is less. */
  readonly context: number | undefined;
  /** Sequences at once. */
  readonly batch: number;
  readonly kvDtype: string;
  /** undefined: as the keys. */
  readonly valueDtype: string | undefined;
  /** Of a scheme or a mix; undefined: as stored. */
  readonly dtype: string | undefined;
  readonly flashAttention: boolean;
  /** As the engine reads them; undefined: what the machine has. */
  readonly devices: readonly string[] | undefined;
  readonly method: TrainingMethod;
  readonly optimizer: Optimizer;
  readonly precision: 'mixed' | 'f32';
  readonly ranks: number;
  readonly zeroStage: ZeroStage;
  readonly checkpointing: boolean;
  readonly loraRank: number;
}

export const initialMemory: MemoryState = {
  mode: 'use',
  runtime: 'llama.cpp',
  context: undefined,
  batch: 1,
  kvDtype: 'f16',
  valueDtype: undefined,
  dtype: undefined,
  flashAttention: true,
  devices: undefined,
  method: 'full',
  optimizer: 'adamw',
  precision: 'mixed',
  ranks: 1,
  zeroStage: 0,
  checkpointing: false,
  loraRank: 16,
};

/** More bars than that nobody compares. */
export const mostDevices = 8;
/** Limits of the number fields. */
export const largestContext = 2 ** 24;
export const largestBatch = 2 ** 12;
export const largestRanks = 2 ** 16;
export const largestLoraRank = 2 ** 12;

const isText = (value: unknown): value is string => typeof value === 'string' && value.length < 200;
const isCount = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most;

/** Reads a saved state; whatever does not fit falls back to the start. */
export function restoreMemory(data: unknown): MemoryState {
  const start = initialMemory;
  if (typeof data !== 'object' || data === null) return start;
  const kept = data as Partial<Record<keyof MemoryState, unknown>>;
  const oneOf = <T>(value: unknown, known: readonly T[], otherwise: T): T =>
    known.find((each) => each === value) ?? otherwise;
  const { devices } = kept;
  return {
    mode: kept.mode === 'training' ? 'training' : 'use',
    runtime: oneOf(kept.runtime, memoryRuntimes, start.runtime),
    context: isCount(kept.context, largestContext) ? kept.context : undefined,
    batch: isCount(kept.batch, largestBatch) ? kept.batch : start.batch,
    kvDtype: isText(kept.kvDtype) ? kept.kvDtype : start.kvDtype,
    valueDtype: isText(kept.valueDtype) ? kept.valueDtype : undefined,
    dtype: isText(kept.dtype) ? kept.dtype : undefined,
    flashAttention: kept.flashAttention !== false,
    devices:
      Array.isArray(devices) && devices.every(isText)
        ? [...new Set(devices)].slice(0, mostDevices)
        : undefined,
    method: oneOf(kept.method, trainingMethods, start.method),
    optimizer: oneOf(kept.optimizer, memoryOptimizers, start.optimizer),
    precision: oneOf(kept.precision, ['mixed', 'f32'] as const, start.precision),
    ranks: isCount(kept.ranks, largestRanks) ? kept.ranks : start.ranks,
    zeroStage: oneOf(kept.zeroStage, [0, 1, 2, 3] as const, start.zeroStage),
    checkpointing: kept.checkpointing === true,
    loraRank: isCount(kept.loraRank, largestLoraRank) ? kept.loraRank : start.loraRank,
  };
}

/** What the engine is asked; nothing of training in use, and of use in training only what training depends on. */
export function memoryRequest(state: MemoryState, devices: readonly string[]): PageMemoryRequest {
  const { runtime, context, batch, kvDtype, valueDtype, dtype, flashAttention } = state;
  const shared = { context, batch, ...(flashAttention ? {} : { flashAttention }), devices };
  if (state.mode === 'use') return { ...shared, runtime, kvDtype, valueDtype, dtype };
  const { method, optimizer, precision, ranks, zeroStage, checkpointing, loraRank } = state;
  return {
    ...shared,
    training: {
      method,
      optimizer,
      precision,
      ranks,
      ...(ranks > 1 ? { zeroStage } : {}),
      checkpointing,
      ...(method === 'full' ? {} : { loraRank }),
    },
  };
}

/** A slider's places: the powers of two and the middles between them, from `least` to `most`, which is always the last. */
export function sliderSteps(least: number, most: number): readonly number[] {
  const steps: number[] = [];
  for (let power = 1; power <= most; power *= 2) {
    for (const value of [power, power * 1.5])
      if (value >= least && value < most && Number.isInteger(value)) steps.push(value);
  }
  return [...steps, most];
}

/** The place nearest to a value by its ratio. */
export function nearestStep(steps: readonly number[], value: number): number {
  const distance = (step: number) => Math.abs(Math.log(step / value));
  return steps.reduce((best, step, at) => (distance(step) < distance(steps[best]!) ? at : best), 0);
}
