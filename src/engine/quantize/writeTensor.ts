/** Writes one tensor of a plan: copied as it is, or quantized, with the sums of its error. */
import * as fs from 'node:fs/promises';
import type { ErrorSums } from '../../kernels/kernels';
import type { TensorError } from '../../protocol/engineApi';
import { runsAsGraph } from '../../quant/bandKernels/bandKernelFor';
import { encodingFor } from '../../quant/encoding';
import { floatBytes, shapeBytes } from '../../quant/packing';
import type { Chunk } from '../../quant/scheme';
import { tensorError, unmeasuredError } from '../../quant/tensorError';
import { packZeroPoints } from '../../quant/zeroPoints';
import type { ChosenBackend } from '../backends/backends';
import { encodeTensor, surveyTensor, writeUnmeasured } from '../encode/encodeTensor';
import { type QuantizedTensor, quantizeTensor, takesRows } from '../encode/quantizeTensor';
import type { Engine } from '../jobs';
import { inOrder } from '../worker/inOrder';
import type { PlannedTensor, QuantizePlan } from './plan';
import type { ProgressMeter } from './progressMeter';

/** Bytes of a kept tensor that are copied by one task. */
const copyBytes = 32 * 2 ** 20;

/** Writes into `file`, which has its full length already; gives the tensor's row of the report. `onWritten` hears of bytes that are in the file. Throws what reading, computing or writing throws. */
export async function writeTensor(
  engine: Engine,
  backend: ChosenBackend,
  { checkpoint, request }: QuantizePlan,
  planned: PlannedTensor,
  file: string,
  signal: AbortSignal,
  meter: ProgressMeter,
  onWritten: (bytes: number) => void,
): Promise<TensorError> {
  const { tensor } = planned;
  meter.begin(tensor.name);
  if (planned.kind === 'copy' && planned.isCarried) {
    meter.advance(tensor.name, tensor.bytes);
    meter.end(tensor.name);
    return planned.row;
  }
  if (planned.kind === 'copy') {
    const chunks = Array.from({ length: Math.ceil(tensor.bytes / copyBytes) }, (_, i) => i * copyBytes);
    await inOrder(
      chunks,
      2,
      signal,
      (at) =>
        engine.pool.run(
          {
            kind: 'copy',
            file: checkpoint.files[tensor.file]!,
            byteOffset: tensor.byteOffset + at,
            bytes: Math.min(copyBytes, tensor.bytes - at),
            path: file,
            targetOffset: planned.byteOffset + at,
          },
          { signal },
        ),
      (_, at) => {
        const bytes = Math.min(copyBytes, tensor.bytes - at);
        meter.advance(tensor.name, bytes);
        onWritten(bytes);
      },
    );
    meter.end(tensor.name);
    return planned.row;
  }
  const { source } = planned;
  const bytesPerElement = tensor.bytes / tensor.elements;
  const { setting, pieces, about } = planned;
  const onPart = (elements: number) => {
    meter.advance(tensor.name, elements * bytesPerElement);
    onWritten(about.bytes * (elements / tensor.elements));
  };
  const runners = { pool: engine.pool, encoder: backend.runner };
  const isMeasured = request.errors !== 'later';
  let sums: ErrorSums | undefined;
  if (takesRows(setting, source, runners)) {
    const quantized = await quantizeTensor(
      runners,
      source,
      setting.choice,
      { path: file, byteOffset: pieces.get('_packed')!, strideBytes: 4 * Math.ceil(source.columns / 4) },
      { signal },
      onPart,
      isMeasured,
    );
    sums = quantized.sums;
    await writeChunks(file, pieces, kernelPieces(planned, quantized));
  } else {
    const known = await surveyTensor(engine.pool, checkpoint, source, setting, { signal });
    const runner = runsAsGraph(setting) ? backend.runner : engine.pool;
    const target = { path: file, pieces };
    if (isMeasured) sums = await encodeTensor(runner, source, setting, known, target, { signal }, onPart);
    else await writeUnmeasured(runner, source, setting, known, target, { signal }, onPart);
    await writeChunks(file, pieces, encodingFor(setting).wholePieces(known));
  }
  meter.end(tensor.name);
  return sums ? tensorError(sums, tensor.elements, planned.about) : unmeasuredError(planned.about);
}

/** What the kernels do not write themselves. Scales are values of their type already, so nothing is rounded here. */
function kernelPieces(
  { source, setting, pieces }: Extract<PlannedTensor, { kind: 'quantize' }>,
  { scale, zero }: QuantizedTensor,
): Chunk[] {
  const whole = (suffix: string, bytes: Uint8Array): Chunk => ({ suffix, byteOffset: 0, bytes });
  return [
    whole('_scale', floatBytes(scale, setting.scaleDtype)),
    whole('_shape', shapeBytes(source.rows, source.columns)),
    ...(pieces.has('_zero_point') ? [whole('_zero_point', packZeroPoints(zero))] : []),
  ];
}

async function writeChunks(
  file: string,
  pieces: ReadonlyMap<string, number>,
  chunks: readonly Chunk[],
): Promise<void> {
  const handle = await fs.open(file, 'r+');
  try {
    for (const { suffix, byteOffset, bytes } of chunks) {
      await handle.write(bytes, 0, bytes.length, pieces.get(suffix)! + byteOffset);
    }
  } finally {
    await handle.close();
  }
}
