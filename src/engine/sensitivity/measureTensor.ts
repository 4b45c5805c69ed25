/** What several choices cost one tensor: sums of their errors over a sample of it, or over all of it. */
import { LoupeError, type SerializedError } from '../../errors';
import type { Checkpoint } from '../../formats/checkpoint';
import { ratioInterval } from '../../quant/ratioInterval';
import { type Encoding, type Setting, storedBytes } from '../../quant/scheme';
import { importanceOf } from '../../quant/schemes/ggml/ggmlScheme';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import { type DivergenceBins, divergenceBins, valueDivergence } from '../../quant/valueDivergence';
import { surveyTensor } from '../encode/encodeTensor';
import { failsAlone } from '../failsAlone';
import type { Engine } from '../jobs';
import { type Block, rowParts, sampleBlocks } from '../matrix';
import type { TensorSource } from '../tensorSource';
import { inOrder } from '../worker/inOrder';
import type { Measured } from './sensitivityCells';

/** A choice as it is for one tensor. */
export interface MeasuredChoice {
  readonly setting: Setting;
  readonly encoding: Encoding;
}

/** What is looked at of a tensor. */
export interface Sample {
  readonly bands: readonly Block[];
  readonly bins: DivergenceBins;
  /** Of the whole tensor, where they are known. */
  readonly extremes?: { readonly min: number; readonly max: number } | undefined;
}

type Outcomes = readonly (Measured | SerializedError)[];

/** The same bins for samples and whole tensors: around what the fixed sample of short blocks suggests. */
export async function binsOf(
  { pool }: Engine,
  source: TensorSource,
  signal: AbortSignal,
): Promise<DivergenceBins> {
  const guess = await pool.run({ kind: 'sample', source, blocks: sampleBlocks(source) }, { signal });
  return divergenceBins(guess?.mean ?? 0, (guess?.sigma3 ?? 0) / 3);
}

/** In the members' order; an error for a choice that fails where others do not. */
export async function measureSample(
  { pool }: Engine,
  source: TensorSource,
  members: readonly MeasuredChoice[],
  sample: Sample,
  signal: AbortSignal,
): Promise<Outcomes> {
  const settings = members.map(({ setting }) => settingOfSample(setting, sample.bands));
  const outcomes = await pool.run({ kind: 'sensitivitySample', source, settings, ...sample }, { signal });
  const of = source.rows * source.columns;
  return outcomes.map((outcome, i) => {
    if ('error' in outcome) return outcome.error;
    const { values, original, dequantized, bytes, guessed } = outcome;
    const energies = outcome.bands.map(({ squaredError, squaredX }) => ({
      error: squaredError,
      signal: squaredX,
    }));
    const interval = ratioInterval(energies, values / of);
    const sampled = { values, of, sqnrLow: interval?.low ?? null, sqnrHigh: interval?.high ?? null };
    return {
      sums: outcome.bands.reduce(addErrorSums, noErrorSums),
      values,
      to: members[i]!.encoding.to,
      bytes,
      kl: valueDivergence(original, dequantized),
      note: guessed ? guessNote(members[i]!.setting) : undefined,
      sampled,
    };
  });
}

/** As `measureSample` over every value; what joined weights share is taken from their `checkpoint`. */
export async function measureWhole(
  { pool }: Engine,
  source: TensorSource,
  members: readonly MeasuredChoice[],
  bins: DivergenceBins,
  signal: AbortSignal,
  checkpoint?: Checkpoint,
): Promise<Outcomes> {
  const errors: (SerializedError | undefined)[] = members.map(() => undefined);
  const surveyed = await Promise.all(
    members.map(async ({ setting, encoding }, i) => {
      if (encoding.surveys.length === 0) return [];
      try {
        return await surveyTensor(pool, checkpoint, source, setting, { signal });
      } catch (thrown) {
        const error = LoupeError.from(thrown);
        if (!failsAlone(error)) throw error;
        errors[i] = error.toJSON();
        return [];
      }
    }),
  );
  const alive = members.flatMap((_, i) => (errors[i] ? [] : [i]));
  const choices = alive.map((i) => ({ setting: members[i]!.setting, known: surveyed[i]! }));
  const sums = members.map(() => noErrorSums);
  const original = new Float64Array(bins.bins);
  const dequantized = members.map(() => new Float64Array(bins.bins));
  await inOrder(
    alive.length === 0 ? [] : rowParts(source),
    pool.size + 1,
    signal,
    (part) => pool.run({ kind: 'sensitivity', source, part, choices, bins }, { signal }),
    (result) => {
      add(original, result.original);
      for (const [at, outcome] of result.outcomes.entries()) {
        const i = alive[at]!;
        if ('error' in outcome) errors[i] ??= outcome.error;
        else {
          sums[i] = addErrorSums(sums[i]!, outcome.sums);
          add(dequantized[i]!, outcome.dequantized);
        }
      }
    },
  );
  return members.map(
    ({ encoding }, i): Measured | SerializedError =>
      errors[i] ?? {
        sums: sums[i]!,
        values: source.rows * source.columns,
        to: encoding.to,
        bytes: storedBytes(encoding.pieces(surveyed[i]!)),
        kl: valueDivergence(original, dequantized[i]!),
      },
  );
}

function add(target: Float64Array, from: Float64Array): void {
  for (let i = 0; i < from.length; i++) target[i]! += from[i]!;
}

function guessNote({ choice }: Setting): string {
  const size = choice.scheme === 'llm-int8' ? ' and so is the size' : '';
  return `What the scheme takes from the whole tensor is taken from the sample${size}.`;
}

/** A sample's rows stand below each other. Of a stack of experts each row is given the importance of its own expert. */
function settingOfSample(setting: Setting, bands: readonly Block[]): Setting {
  const { importance, columns } = setting;
  if (!importance || importance.length === columns) return setting;
  const rows = bands.flatMap(({ row, rows: count }) => Array.from({ length: count }, (_, i) => row + i));
  const each = new Float32Array(rows.length * columns);
  for (const [i, row] of rows.entries()) each.set(importanceOf(setting, row)!, i * columns);
  return { ...setting, importance: each };
}
