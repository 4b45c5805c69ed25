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
    schemes,
    ...notes,
  ].join('\n\n');
}
