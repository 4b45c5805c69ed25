/** Memory of a model in training, on one of the GPUs that share the work. */
import { LoupeError } from '../errors';
import { bounded, together } from './certainty';
import { assertRooms, largest, roomOf, verdictOf } from './fit';
import type { MemorySource } from './memorySource';
import { type SizedTensor, sizedElements } from './schemeSizes';
import { adapterParameters, layerActivations, stateBytesOf, trainingMemory } from './training';
import type {
  BytesEstimate,
  DeviceSet,
  FitReport,
  MemoryPartKind,
  TrainingReport,
  TrainingRequest,
} from './types';

/** Bytes of weights that are only read: in 16 bits, and as NF4. */
export interface FrozenBytes {
  readonly half: number;
  readonly nf4: number;
}

/** Adapters of most guides; peft's own default is 8. */
const usualLoraRank = 16;
const mostRanks = 2 ** 20;
const longestSequence = 2 ** 24;
const largestBatch = 2 ** 16;

/** Throws `usage` for settings that do not exist. */
function trainingSetting(request: TrainingRequest): Required<TrainingRequest> {
  const setting = {
    method: request.method,
    optimizer: request.optimizer ?? ('adamw' as const),
    precision: request.precision ?? ('mixed' as const),
    ranks: request.ranks ?? 1,
    zeroStage: request.zeroStage ?? (0 as const),
    checkpointing: request.checkpointing ?? false,
    loraRank: request.loraRank ?? usualLoraRank,
  };
  const { ranks, loraRank } = setting;
  for (const [name, value] of Object.entries({ 'number of GPUs': ranks, 'rank of the adapters': loraRank })) {
    if (!Number.isSafeInteger(value) || value < 1 || value > mostRanks)
      throw new LoupeError('usage', `The ${name} should be a whole number from 1 to 2^20, not ${value}.`);
  }
  return setting;
}

/** One way to train a model; lengths and batches can be tried. */
export class Training {
  private readonly setting: Required<TrainingRequest>;
  private readonly trained: number;
  private readonly kept: Pick<TrainingReport, 'weights' | 'gradients' | 'optimizer'>;

  /** Throws `usage` for settings that do not exist. */
  constructor(
    request: TrainingRequest,
    private readonly source: MemorySource,
    private readonly flashAttention: boolean,
    frozen: FrozenBytes,
  ) {
    this.setting = trainingSetting(request);
    const { method, optimizer, precision, ranks, zeroStage, loraRank } = this.setting;
    const { tensors, certainty } = source;
    const parameters = tensors.reduce((sum, tensor) => sum + tensor.copies * sizedElements(tensor), 0);
    const adapted = tensors.filter(isLayerMatrix);
    const isFull = method === 'full';
    this.trained = isFull ? parameters : adapterParameters(adapted, loraRank);
    const learning = isFull ? tensors : adapted.flatMap((tensor) => adapterOf(tensor, loraRank));
    const each = precision === 'mixed' ? 2 : 4;
    const base = isFull ? 0 : method === 'qlora' ? frozen.nf4 : frozen.half;
    const bytes = base + each * this.trained;
    const memory = trainingMemory({
      // All weights at once: they are of several widths.
      parameters: bytes,
      weightBytes: 1,
      trained: this.trained,
      optimizer,
      stateBytes: stateBytesOf(learning, optimizer),
      mixedPrecision: precision === 'mixed',
      ranks,
      zeroStage,
    });
    // The formulas are exact; how a runtime pads and gathers shards is not in them.
    const sure = certainty === 'exact' ? 'stated' : 'approximate';
    this.kept = {
      weights: bounded(Math.ceil(memory.weights), sure),
      gradients: bounded(Math.ceil(memory.gradients), sure),
      optimizer: bounded(Math.ceil(memory.optimizer), sure),
    };
  }

  report(context: number, batch: number): TrainingReport {
    const { setting, trained, kept } = this;
    const activations = this.activations(context, batch);
    return {
      setting,
      trained,
      ...kept,
      activations,
      total: together([kept.weights, kept.gradients, kept.optimizer, activations]),
      formula: this.formula,
    };
  }

  private get formula(): string {
    if (this.setting.checkpointing) return '2 s b d L + one layer + 8 s b V';
    return this.flashAttention ? '34 s b d L + 8 s b V' : 's b d L (34 + 5 H s / d) + 8 s b V';
  }

  /** Whether one rank fits on the smallest device of a set. */
  fitOn(set: DeviceSet, context: number, batch: number): FitReport {
    assertRooms(set.gpus);
    const rooms = set.gpus.map((gpu) => roomOf(gpu, set.kind, { runtime: 'transformers' }));
    const roomBytes = Math.min(...rooms);
    const memoryBytes = set.gpus[rooms.indexOf(roomBytes)]!.memoryBytes;
    const { weights, gradients, optimizer } = this.kept;
    const keptBytes = weights.bytes + gradients.bytes + optimizer.bytes;
    const needed = (tokens: number, sequences: number) =>
      keptBytes + this.activations(tokens, sequences).bytes;
    const neededBytes = needed(context, batch);
    const isKnown = this.activations(context, batch).certainty !== 'unknown';
    const most = Math.min(longestSequence, this.source.longestContext ?? longestSequence);
    const parts: readonly (readonly [MemoryPartKind, number])[] = [
      ['weights', weights.bytes],
      ['gradients', gradients.bytes],
      ['optimizer', optimizer.bytes],
      ['activations', this.activations(context, batch).bytes],
      ['overhead', memoryBytes - roomBytes],
    ];
    const { ranks } = this.setting;
    const notes: string[] = [];
    if (set.kind === 'gpu' && (ranks > 1 || set.gpus.length > 1))
      notes.push('Of one rank, on one GPU of its own.');
    if (set.gpus.length > 1 && set.gpus.length !== ranks)
      notes.push(
        `The estimate is of ${ranks} ${ranks === 1 ? 'GPU' : 'GPUs'}, and here are ${set.gpus.length}.`,
      );
    return {
      ...{ label: set.label, kind: set.kind, gpus: set.gpus, memoryBytes, roomBytes, neededBytes, notes },
      verdict: verdictOf(neededBytes, roomBytes),
      largestContext: isKnown ? largest(most, (tokens) => needed(tokens, batch) <= roomBytes) : undefined,
      largestBatch: isKnown
        ? largest(largestBatch, (sequences) => needed(context, sequences) <= roomBytes)
        : undefined,
      parts: parts.map(([kind, bytes]) => ({ kind, bytes })),
    };
  }

  /** Of all layers, and the logits with their gradient in float32. */
  private activations(context: number, batch: number): BytesEstimate {
    const { compute } = this.source;
    if (!compute?.layers) return bounded(0, 'unknown');
    const { layers, vocabulary } = compute;
    const all = layerActivations(compute, context, batch, this.flashAttention ? 'flash' : 'all');
    const kept = this.setting.checkpointing
      ? layers * layerActivations(compute, context, batch, 'checkpoint') + all
      : layers * all;
    return bounded(kept + 8 * context * batch * vocabulary, 'approximate');
  }
}

/** A weight of the layers that a product is taken with: not the embedding, not the head, no vectors. */
function isLayerMatrix({ name, shape }: SizedTensor): boolean {
  return name.includes('*') && shape.length === 2 && shape.every((size) => size > 1);
}

/** The two factors of a low-rank adapter. */
function adapterOf({ shape, copies }: SizedTensor, rank: number): Pick<SizedTensor, 'shape' | 'copies'>[] {
  const [out = 0, input = 0] = shape;
  return [
    { shape: [rank, input], copies },
    { shape: [out, rank], copies },
  ];
}
