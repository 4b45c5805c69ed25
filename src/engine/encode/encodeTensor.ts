/** Runs any scheme over one tensor in parts, by its plain code. */
import { LoupeError } from '../../errors';
import type { Checkpoint } from '../../formats/checkpoint';
import type { ErrorSums } from '../../kernels/kernels';
import { encodingFor } from '../../quant/encoding';
import type { Knowledge, Setting } from '../../quant/scheme';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import { failsAlone } from '../failsAlone';
import { partElements, rowParts, windowElements } from '../matrix';
import { namingTensor } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import { inOrder } from '../worker/inOrder';
import type { TaskOptions, TaskRunner } from '../worker/pool';
import type { BandsTask } from '../worker/task';
import { joinedSources, joinedStates } from './joinedSources';

/**
 * Runs the passes that a scheme needs before its first band. What the weights that loaders join with this one share is taken from
 * all of them, by their names in `checkpoint`, and from their values before any pruning: each may be pruned in another way. Those that a
 * recipe keeps count, too, so that what a weight becomes never depends on what is chosen for another; those that the scheme cannot take do not.
 * Throws what reading and the scheme throw of `source`.
 */
export async function surveyTensor(
  pool: TaskRunner,
  checkpoint: Checkpoint | undefined,
  source: TensorSource,
  setting: Setting,
  options: TaskOptions,
): Promise<Knowledge> {
  const known = await surveyAlone(pool, source, setting, options);
  const { surveys, isJoined } = encodingFor(setting);
  const others = isJoined && checkpoint ? joinedSources(checkpoint, source) : [];
  if (!checkpoint || others.length === 0) return known;
  const whole: Setting = { ...setting, choice: { ...setting.choice, prune: undefined } };
  const states = joinedStates(checkpoint, whole);
  if (setting.choice.prune === undefined) states.set(source.name, known.at(-1)!);
  const shared = surveys.at(-1)!.start();
  for (const each of [source, ...others]) {
    const state = states.get(each.name) ?? (await stateOf(pool, each, whole, options));
    if (!state) continue;
    states.set(each.name, state);
    surveys.at(-1)!.merge(shared, state);
  }
  return [...known.slice(0, -1), shared];
}

/** Of the last survey over a weight alone; undefined where the weight has values that the scheme refuses: it cannot become one with others. */
async function stateOf(
  pool: TaskRunner,
  source: TensorSource,
  setting: Setting,
  options: TaskOptions,
): Promise<Float64Array | undefined> {
  const { rows, columns, dtype } = source;
  try {
    return (await surveyAlone(pool, source, { ...setting, rows, columns, dtype }, options)).at(-1);
  } catch (thrown) {
    if (!failsAlone(LoupeError.from(thrown))) throw thrown;
    return undefined;
  }
}

/** Parts are fixed and merged in order. */
async function surveyAlone(
  pool: TaskRunner,
  source: TensorSource,
  setting: Setting,
  options: TaskOptions,
): Promise<Knowledge> {
  const { surveys, unit } = namingTensor(source, () => encodingFor(setting));
  const window = windowElements(unit);
  const windows = Math.ceil((source.rows * source.columns) / window);
  const step = Math.max(1, Math.floor(partElements / window));
  const starts = Array.from({ length: Math.ceil(windows / step) }, (_, i) => i * step);
  const known: Float64Array[] = [];
  for (const survey of surveys) {
    const state = survey.start();
    await inOrder(
      starts,
      pool.size + 1,
      options.signal,
      (firstWindow) =>
        pool.run(
          {
            kind: 'survey',
            source,
            setting,
            known,
            firstWindow,
            endWindow: Math.min(windows, firstWindow + step),
          },
          options,
        ),
      (part) => survey.merge(state, part),
    );
    known.push(state);
  }
  return known;
}

/** Encodes all parts and writes pieces, without a look at errors. `onPart` hears the elements done. */
export async function writeUnmeasured(
  pool: TaskRunner,
  source: TensorSource,
  setting: Setting,
  known: Knowledge,
  output: NonNullable<BandsTask['output']>,
  options: TaskOptions,
  onPart: (elements: number) => void,
): Promise<void> {
  await inOrder(
    rowParts(source),
    pool.size + 1,
    options.signal,
    (part) => pool.run({ kind: 'bands', source, part, setting, known, output, sumsErrors: false }, options),
    (_, part) => onPart(part.rows * part.columns),
  );
}

/** Encodes all parts, writes pieces when `output` is given, and sums the error. `onPart` hears the elements done. */
export async function encodeTensor(
  pool: TaskRunner,
  source: TensorSource,
  setting: Setting,
  known: Knowledge,
  output: BandsTask['output'],
  options: TaskOptions,
  onPart: (elements: number) => void = () => {},
): Promise<ErrorSums> {
  let sums = noErrorSums;
  await inOrder(
    rowParts(source),
    pool.size + 1,
    options.signal,
    (part) => pool.run({ kind: 'bands', source, part, setting, known, output }, options),
    (result, part) => {
      sums = addErrorSums(sums, result.sums!);
      onPart(part.rows * part.columns);
    },
  );
  return sums;
}
