/** The mean error of a GGUF model under a file type's mix, without writing anything. */
import { createHash } from 'node:crypto';
import { LoupeError } from '../../errors';
import type { EngineContract, GgufOptions, GgufTensorError, QuantizeRequest } from '../../protocol/engineApi';
import { encodingFor } from '../../quant/encoding';
import { matchingSteps } from '../../quant/gguf/tensorTypes';
import { compilePattern } from '../../quant/namePattern';
import { divergenceBins } from '../../quant/valueDivergence';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { planGguf } from '../quantize/gguf/ggufPlan';
import type { PlannedTensor } from '../quantize/plannedShard';
import { measureSample, measureWhole } from '../sensitivity/measureTensor';
import { bandNeeds, sampleBands } from '../sensitivity/sampleBands';
import { inOrder } from '../worker/inOrder';

type ErrorMethod = EngineContract['ggufError'];
type Quantized = Extract<PlannedTensor, { kind: 'quantize' }>;

/** Errors of one tensor in one type; `error` and `signal` are mean squares. */
interface Measured {
  readonly error: number;
  readonly signal: number;
  readonly isSampled: boolean;
}

/** What is known of a checkpoint's tensors, by name, type, sample and importance. */
const kept = new WeakMap<OpenedCheckpoint, Map<string, Measured>>();
/** Tensors times types: some megabytes. */
const capacity = 100_000;
/** Value histograms are counted along with errors; nobody asks for them here. */
const noBins = divergenceBins(0, 1);

/**
 * Plans the mix and encodes a sample of every tensor that it changes. Means are over values: each tensor counts by its size.
 * Tensors that stay as they are, or become F32, have no error and do not count. Throws as `planGguf` does; `refused` where the
 * mix needs an importance matrix that is not given; what a tensor cannot be encoded for, naming it.
 */
export async function ggufErrorJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  { path, gguf, only, sampleValues }: ErrorMethod['params'],
  { signal, progress }: JobContext<ErrorMethod['progress']>,
): Promise<ErrorMethod['result']> {
  const plan = await planGguf(opened.checkpoint, dryRequest(path, gguf));
  const isMeant = only === undefined ? () => true : namesMatching(only);
  const planned = plan.shards.flatMap(({ tensors }) => tensors).filter(({ tensor }) => isMeant(tensor.name));
  const blind = planned.find((tensor) => tensor.kind === 'copy' && tensor.row.from !== tensor.row.to);
  if (blind)
    throw new LoupeError('refused', `${plan.fileType} needs an importance matrix.`, {
      tensor: blind.tensor.name,
    });
  const lossy = planned.filter(
    (tensor): tensor is Quantized => tensor.kind === 'quantize' && tensor.about.to !== 'F32',
  );
  const known = kept.get(opened) ?? new Map<string, Measured>();
  kept.set(opened, known);
  const tensors: GgufTensorError[] = [];
  let [error, squares, sampled] = [0, 0, false];
  await inOrder(
    lossy,
    engine.pool.size + 1,
    signal,
    (tensor) => measured(engine, known, tensor, sampleValues, signal),
    (own, { about, tensor: { elements } }) => {
      error += own.error * elements;
      squares += own.signal * elements;
      sampled ||= own.isSampled;
      tensors.push({ name: about.name, to: about.to, ...figures(own.error, own.signal) });
      progress({ done: tensors.length, total: lossy.length });
    },
  );
  return { ...figures(error, squares), sampled, tensors };
}

/** Asks for a plan alone. */
export const dryRequest = (path: string, gguf: GgufOptions): QuantizeRequest => ({
  ...{ path, gguf, scheme: 'q8_0', granularity: 'none', backend: 'cpu' },
  ...{ overwrite: true, pure: false, dryRun: true },
});

/** Whether a name matches. Throws `usage` for what is no pattern, or once the patterns take too long. */
export function namesMatching(pattern: string): (name: string) => boolean {
  const matches = compilePattern(pattern);
  const work = { steps: matchingSteps };
  return (name) => {
    const found = matches.test(name, work);
    if (work.steps < 0) throw new LoupeError('usage', `The pattern ${pattern} takes too long to match.`);
    return found;
  };
}

/** sqrt(sum e^2 / sum x^2), and the same in dB; null without an error. */
function figures(error: number, signal: number): { relative: number; sqnr: number | null } {
  return error === 0
    ? { relative: 0, sqnr: null }
    : { relative: Math.sqrt(error / signal), sqnr: 10 * Math.log10(signal / error) };
}

async function measured(
  engine: Engine,
  known: Map<string, Measured>,
  tensor: Quantized,
  sampleValues: number | undefined,
  signal: AbortSignal,
): Promise<Measured> {
  const { name, to } = tensor.about;
  const key = `${name} ${to} ${sampleValues} ${stamp(tensor.setting.importance)}`;
  const before = known.get(key);
  if (before) return before;
  const own = await measure(engine, tensor, sampleValues, signal);
  known.set(key, own);
  const oldest = known.size > capacity ? known.keys().next().value : undefined;
  if (oldest !== undefined) known.delete(oldest);
  return own;
}

const stamp = (importance: Float32Array | undefined): string =>
  importance === undefined ? '' : createHash('sha256').update(importance).digest('base64');

async function measure(
  engine: Engine,
  { source, setting }: Quantized,
  sampleValues: number | undefined,
  signal: AbortSignal,
): Promise<Measured> {
  const encoding = encodingFor(setting);
  const bands =
    sampleValues === undefined
      ? undefined
      : sampleBands(source.name, source, sampleValues, bandNeeds(encoding, source.columns, 1));
  const own = { setting, encoding };
  const [outcome] = bands
    ? await measureSample(engine, source, [own], { bands, bins: noBins }, signal)
    : await measureWhole(engine, source, [own], noBins, signal);
  if ('code' in outcome!) throw LoupeError.fromJSON(outcome);
  const { sums, values } = outcome!;
  const count = Math.max(1, values);
  return { error: sums.squaredError / count, signal: sums.squaredX / count, isSampled: bands !== undefined };
}
