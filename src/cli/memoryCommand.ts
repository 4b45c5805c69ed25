/** Prints what a model takes in memory. */
import type { EngineClient } from '../engine/client';
import { binarySize, parameterCount } from '../numeric/sizeText';
import type { MemoryEstimate, MemoryParams } from '../protocol/memoryApi';
import { textTable } from './textTable';
import type { Print } from './view';

/** Of a checkpoint's files, or of a config.json alone. */
export async function showMemory(
  engine: EngineClient,
  params: MemoryParams,
  signal: AbortSignal,
  print: Print,
): Promise<number> {
  const estimate = await engine.call('memory', params, { signal });
  print(estimate, memoryText(estimate));
  return 0;
}

type Bounded = MemoryEstimate['total'];

/** A size, and between which bounds it lies where it is not exact. */
function size({ bytes, low, high, certainty }: Bounded): string[] {
  const range = certainty === 'exact' ? 'exact' : `${binarySize(low)} to ${binarySize(high)}`;
  return certainty === 'unknown' ? ['?', 'not known'] : [binarySize(bytes), range];
}

function memoryText(estimate: MemoryEstimate): string {
  const { parameters, weights, kvCache, activations, buffers, total, table, setting, notes } = estimate;
  const dtypes = Object.entries(weights.byDtype).map(([dtype, bytes]) => `${dtype} ${binarySize(bytes)}`);
  const loaded = setting.dtype === undefined ? dtypes.join(', ') : `loaded as ${setting.dtype}`;
  const cache = `${binarySize(kvCache.bytesPerToken)} a token in ${kvCache.dtype}`;
  const uncertain = total.certainty === 'unknown' ? ' (of what is known)' : '';
  const parts = textTable(
    [{ title: 'part' }, { title: 'size', align: 'right' }, { title: 'between' }, { title: '' }],
    [
      ['weights', ...size(weights), loaded],
      ['KV cache', ...size(kvCache), cache],
      ['activations', ...size(activations), activations.formula ?? ''],
      ['buffers', ...size(buffers), ''],
      [
        `total${uncertain}`,
        binarySize(total.bytes),
        `${binarySize(total.low)} to ${binarySize(total.high)}`,
        '',
      ],
    ],
  );
  const schemes = textTable(
    [
      { title: 'weights under' },
      { title: 'size', align: 'right' },
      { title: 'bits each', align: 'right' },
      { title: '' },
    ],
    table.map(({ scheme, bytes, bitsPerWeight, refused }) => [
      scheme,
      binarySize(bytes),
      bitsPerWeight.toFixed(2),
      refused > 0 ? `${refused} tensors do not fit and stay as they are` : '',
    ]),
  );
  return [
    `${parameterCount(parameters)} parameters; ${setting.runtime}, ${setting.context} tokens, batch ${setting.batch}`,
    parts,
    ...(estimate.fit ? [fitText(estimate.fit)] : []),
    schemes,
    ...notes,
  ].join('\n\n');
}

const verdicts = {
  fits: 'fits',
  tight: 'fits only just, if the estimate is not too low',
  no: 'does not fit',
};

function fitText(fit: NonNullable<MemoryEstimate['fit']>): string {
  const { gpus, verdict, neededBytes, roomBytes, largestContext, largestBatch, offload } = fit;
  const names = gpus.map(({ name }) => name).join(' + ');
  const bound = fit.tokensPerSecondBound;
  return [
    `${names}: ${verdicts[verdict]} (${binarySize(neededBytes)} of ${binarySize(roomBytes)} that can be used)`,
    largestContext > 0
      ? `at most ${largestContext} tokens a sequence, or ${largestBatch} sequences of the context above`
      : 'the weights alone are too large',
    ...(offload ? [`${offload.layers} of ${offload.of} layers fit (--n-gpu-layers ${offload.layers})`] : []),
    ...(bound === undefined
      ? []
      : [`at most ${bound.toPrecision(3)} tokens a second, by the speed of the memory`]),
    ...fit.notes,
  ].join('\n');
}
