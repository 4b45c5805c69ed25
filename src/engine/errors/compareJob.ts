/** Two checkpoints tensor by tensor, by name. */
import type { ComparedTensor, EngineContract } from '../../protocol/engineApi';
import { addErrorSums, noErrorSums, tensorError } from '../../quant/tensorError';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { rowParts } from '../matrix';
import type { TensorSource } from '../tensorSource';
import { inOrder } from '../worker/inOrder';
import type { Counterpart } from '../worker/task';
import { type ComparedModel, comparedModels } from './comparedModel';
import { storesTranspose } from './storesTranspose';

type CompareMethod = EngineContract['compare'];

/** Error sums are those of an error report over the same values, in all bits. */
export async function compareJob(
  engine: Pick<Engine, 'pool'>,
  first: OpenedCheckpoint,
  second: OpenedCheckpoint,
  { tensors }: Pick<CompareMethod['params'], 'tensors'>,
  { signal, progress }: JobContext<CompareMethod['progress']>,
): Promise<CompareMethod['result']> {
  const [one, two] = comparedModels(first, second);
  const asked = tensors && new Set(tensors.map((index) => first.tensor(index).name));
  const onlyInFirst: string[] = [];
  const pairs = one.tensors.flatMap(({ name }, index) => {
    if (asked && !one.names(index).some((own) => asked.has(own))) return [];
    const other = two.indexOf(name);
    if (other === undefined) onlyInFirst.push(name);
    return other === undefined ? [] : [{ index, other }];
  });
  const rows: ComparedTensor[] = [];
  let done = 0;
  await inOrder(
    pairs,
    engine.pool.size + 1,
    signal,
    async ({ index, other }) => {
      const row = await compareTensor(engine, one, index, two, other, signal);
      done++;
      progress({ done, total: pairs.length, row });
      return row;
    },
    (row) => {
      rows.push(row);
    },
  );
  // Of a choice of tensors nobody wants to know what else the second one holds.
  const onlyInSecond =
    tensors === undefined
      ? two.tensors.flatMap(({ name }) => (one.indexOf(name) === undefined ? [name] : []))
      : [];
  return { tensors: rows, onlyInFirst, onlyInSecond };
}

async function compareTensor(
  { pool }: Pick<Engine, 'pool'>,
  first: ComparedModel,
  index: number,
  second: ComparedModel,
  other: number,
  signal: AbortSignal,
): Promise<ComparedTensor> {
  const tensor = first.tensors[index]!;
  const counterpart = second.tensors[other]!;
  const { dtype: to, bytes, shape } = counterpart;
  const isTransposed = storesTranspose(tensor, counterpart);
  const about = { name: tensor.name, from: tensor.dtype, to, bytes };
  const without = (state: 'reshaped' | 'unreadable', note: string): ComparedTensor => ({
    ...tensorError(noErrorSums, 0, { ...about, note }),
    state,
  });
  if (withoutOuterOnes(shape) !== withoutOuterOnes(tensor.shape) && !isTransposed) {
    const text = (of: readonly number[]) => of.join(' × ') || 'scalar';
    return without('reshaped', `${text(tensor.shape)} became ${text(shape)}`);
  }
  const source = first.source(index);
  const otherSource = second.source(other);
  if (typeof source === 'string') return without('unreadable', source);
  if (typeof otherSource === 'string') return without('unreadable', otherSource);
  const sums = await errorSums(pool, source, { kind: 'tensor', source: otherSource, isTransposed }, signal);
  const error = tensorError(sums, tensor.elements, about);
  const holdsNaN = !Number.isFinite(sums.squaredError);
  if (sums.squaredError === 0) return { ...error, state: tensor.dtype === to ? 'identical' : 'equal' };
  return { ...error, ...(holdsNaN ? { note: 'holds NaN or infinity' } : {}), state: 'different' };
}

/** GGUF does not count dimensions of 1 on the outside. */
const withoutOuterOnes = (shape: readonly number[]): string => shape.join().replace(/^(?:1,)+/, '');

async function errorSums(
  pool: Engine['pool'],
  source: TensorSource,
  counterpart: Counterpart,
  signal: AbortSignal,
) {
  let sums = noErrorSums;
  await inOrder(
    rowParts(source),
    pool.size + 1,
    signal,
    (part) => pool.run({ kind: 'compare', source, part, counterpart }, { signal }),
    (result) => {
      sums = addErrorSums(sums, result.sums);
    },
  );
  return sums;
}
