/** Finds the layers that pruning by layers sets to 0. */
import { throwIfAborted } from '../../errors';
import { resolveChoice } from '../../quant/choice';
import { layerOf, smallestLayers } from '../../quant/pruning/layers';
import type { SchemeChoice } from '../../quant/types';
import type { OpenedCheckpoint } from '../checkpointCache';
import { encodeTensor } from '../encode/encodeTensor';
import { settingOf } from '../encode/quantizeTensor';
import type { Engine } from '../jobs';
import type { TaskOptions } from '../worker/pool';
import { decisionFor } from './policy';

/**
 * The choice with the layers of smallest norm filled in where it prunes by layers and names none; other choices as they
 * are. A layer's norm is that of all weights that would be quantized. Throws `usage` as `resolveChoice` does.
 */
export async function withLayers<Choice extends SchemeChoice>(
  engine: Engine,
  opened: OpenedCheckpoint,
  choice: Choice,
  pure: boolean,
  { signal }: TaskOptions,
): Promise<Choice> {
  if (resolveChoice(choice).prune !== 'layers' || choice.layers !== undefined) return choice;
  // Others may wait for the same pass: one request's cancellation must not fail theirs, and does not wait for its end.
  const pass = opened.remember(`layer squares ${pure}`, async () => {
    const sums = new Map<number, number>();
    // Nothing is pruned yet: the sums of squares are wanted.
    const asIs: SchemeChoice = { scheme: 'prune-layers', granularity: 'none', layers: [] };
    for (const [index, tensor] of opened.checkpoint.tensors.entries()) {
      const layer = layerOf(tensor.name);
      if (layer === undefined || !decisionFor(opened.checkpoint, tensor, pure, asIs).quantize) continue;
      const source = opened.source(index);
      const { squaredX } = await encodeTensor(
        engine.pool,
        source,
        settingOf(asIs, source),
        [],
        undefined,
        {},
      );
      sums.set(layer, (sums.get(layer) ?? 0) + squaredX);
    }
    return sums;
  });
  const squares = await orAborted(pass, signal);
  return { ...choice, layers: smallestLayers(squares, choice.ratio) };
}

/** What a promise gives, or `cancelled` as soon as the signal fires. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  throwIfAborted(signal);
  let stop = () => {};
  const aborted = new Promise<void>((resolve) => {
    stop = () => resolve();
    signal?.addEventListener('abort', stop);
  });
  try {
    const result = await Promise.race([promise, aborted.then(() => undefined)]);
    throwIfAborted(signal);
    return result as T;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
