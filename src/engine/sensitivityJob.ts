/** Size and error of many tensors under several choices, without writing anything. */
import { LoupeError } from '../errors';
import type { EngineContract, SensitivityCell, SensitivityTotal } from '../protocol/engineApi';
import { resolveChoice } from '../quant/choice';
import { addErrorSums, noErrorSums, tensorError } from '../quant/tensorError';
import type { SchemeChoice } from '../quant/types';
import { divergenceBins, valueDivergence } from '../quant/valueDivergence';
import type { OpenedCheckpoint } from './checkpointCache';
import type { Engine, JobContext } from './jobs';
import { rowParts, sampleBlocks } from './matrix';
import { decisionFor } from './policy';
import { schemeCounterpart } from './schemeCounterpart';
import { inOrder } from './worker/inOrder';

type SensitivityMethod = EngineContract['sensitivity'];
type Params = Omit<SensitivityMethod['params'], 'path' | 'generation'>;

/** Cells tensor by tensor; every value is read. */
export async function sensitivityJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  { tensors, choices, pure }: Params,
  { signal, progress }: JobContext<SensitivityMethod['progress']>,
): Promise<SensitivityMethod['result']> {
  for (const choice of choices) resolveChoice(choice);
  const all: SensitivityCell[] = [];
  let done = 0;
  for (const tensor of tensors) {
    const cells: SensitivityCell[] = [];
    for (const [index, choice] of choices.entries())
      cells.push(await cellOf(engine, opened, tensor, index, choice, pure ?? false, signal));
    all.push(...cells);
    done++;
    progress({ done, total: tensors.length, cells });
  }
  return { cells: all, totals: choices.map((_, choice) => totalOf(opened, all, choice)) };
}

async function cellOf(
  engine: Engine,
  opened: OpenedCheckpoint,
  index: number,
  choice: number,
  scheme: SchemeChoice,
  pure: boolean,
  signal: AbortSignal,
): Promise<SensitivityCell> {
  const tensor = opened.tensor(index);
  const bitsPer = (bytes: number) => (8 * bytes) / Math.max(1, tensor.elements);
  const left = (state: 'kept' | 'failed', note: string): SensitivityCell => {
    const { mse, sqnr, maxAbs, cosine, meanAbs } = tensorError(noErrorSums, 0, {
      name: tensor.name,
      from: tensor.dtype,
      to: tensor.dtype,
      bytes: tensor.bytes,
    });
    const errors = { mse, relative: 0, sqnr, maxAbs, cosine, meanAbs, kl: 0 };
    const { bytes, dtype: to } = tensor;
    return { tensor: index, choice, state, to, bytes, bitsPerWeight: bitsPer(bytes), ...errors, note };
  };
  const decision = decisionFor(opened.checkpoint, tensor, pure, scheme);
  if (!decision.quantize) return left('kept', decision.reason);
  try {
    const source = opened.source(index);
    const { counterpart, about } = await schemeCounterpart(
      engine,
      source,
      scheme,
      (key, compute) => opened.remember(key, compute),
      {},
    );
    const blocks = sampleBlocks([...rowParts(source)]);
    const guess = await engine.pool.run({ kind: 'sample', source, blocks }, { signal });
    const detail = divergenceBins(guess?.mean ?? 0, (guess?.sigma3 ?? 0) / 3);
    let sums = noErrorSums;
    const original = new Float64Array(detail.bins);
    const dequantized = new Float64Array(detail.bins);
    await inOrder(
      rowParts(source),
      engine.pool.size + 1,
      signal,
      (part) => engine.pool.run({ kind: 'compare', source, part, counterpart, detail }, { signal }),
      (result) => {
        sums = addErrorSums(sums, result.sums);
        for (let i = 0; i < detail.bins; i++) {
          original[i]! += result.detail!.original[i]!;
          dequantized[i]! += result.detail!.dequantized[i]!;
        }
      },
    );
    const { name, dtype: from } = tensor;
    const { mse, sqnr, maxAbs, cosine, meanAbs } = tensorError(sums, tensor.elements, {
      name,
      from,
      ...about,
    });
    const relative = sums.squaredError === 0 ? 0 : Math.sqrt(sums.squaredError / sums.squaredX);
    const kl = valueDivergence(original, dequantized);
    const { to, bytes } = about;
    const errors = { mse, relative, sqnr, maxAbs, cosine, meanAbs, kl };
    return { tensor: index, choice, state: 'quantized', to, bytes, bitsPerWeight: bitsPer(bytes), ...errors };
  } catch (thrown) {
    const error = LoupeError.from(thrown);
    if (!['non-finite', 'refused', 'unsupported'].includes(error.code)) throw error;
    return left('failed', error.message);
  }
}

function totalOf(
  { checkpoint }: OpenedCheckpoint,
  cells: readonly SensitivityCell[],
  choice: number,
): SensitivityTotal {
  const own = new Map(cells.filter((cell) => cell.choice === choice).map((cell) => [cell.tensor, cell]));
  const counts = { quantized: 0, kept: 0, failed: 0 };
  let [bytes, elements, values, error, energy] = [0, 0, 0, 0, 0];
  for (const [index, tensor] of checkpoint.tensors.entries()) {
    const cell = own.get(index);
    bytes += cell?.bytes ?? tensor.bytes;
    elements += tensor.elements;
    if (!cell) continue;
    counts[cell.state]++;
    if (cell.state !== 'quantized') continue;
    values += tensor.elements;
    const squared = cell.mse * tensor.elements;
    error += squared;
    energy += cell.relative > 0 ? squared / cell.relative ** 2 : 0;
  }
  return {
    bytes,
    bitsPerWeight: (8 * bytes) / Math.max(1, elements),
    mse: values === 0 ? 0 : error / values,
    sqnr: error === 0 ? null : 10 * Math.log10(energy / error),
    ...counts,
  };
}
