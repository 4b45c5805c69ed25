/** Quantizes one tensor to INT8 by the kernels, in parts: parameters, codes, and error sums added in the tensor's order. */
import type { ErrorSums } from '../../kernels/kernels';
import { scaleDtypeFor, settingFor } from '../../quant/choice';
import { type LinearCode, linearCodeNamed } from '../../quant/linearCode';
import { layerOf } from '../../quant/pruning/layers';
import type { Setting } from '../../quant/scheme';
import { addErrorSums, noErrorSums } from '../../quant/tensorError';
import type { SchemeChoice } from '../../quant/types';
import { rowParts, segmentElements } from '../matrix';
import { namingTensor } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import { inOrder } from '../worker/inOrder';
import type { TaskOptions, TaskRunner } from '../worker/pool';
import type { EncodeTask, ParameterRule, RowParameters } from '../worker/task';

export interface QuantizedTensor {
  /** undefined where errors were not to be measured. */
  readonly sums: ErrorSums | undefined;
  /** One a row; all equal with granularity `tensor`. */
  readonly scale: Float32Array;
  /** Offset-binary. */
  readonly zero: Uint8Array;
}

export interface QuantizeRunners {
  /** Takes ranges. */
  readonly pool: TaskRunner;
  /** Encodes: the pool too, or a thread of ONNX Runtime. */
  readonly encoder: TaskRunner;
}

/** A choice made for one tensor. Throws `usage` for what does not exist: it may come from a command line. */
export function settingOf(choice: SchemeChoice, source: TensorSource): Setting {
  const { rows, columns, name, graph } = source;
  const setting = settingFor(choice, source.dtype, { rows, columns, layer: layerOf(name) });
  return graph ? { ...setting, graph } : setting;
}

/** The code that the kernels and ONNX Runtime compute for a setting; undefined where its plain code is run. */
export function kernelCode({ choice, graph }: Pick<Setting, 'choice' | 'graph'>): LinearCode | undefined {
  const { granularity, clip, prune, output } = choice;
  if (graph) return undefined;
  const isPlain = clip === 'none' && prune === undefined && output !== 'fake';
  if (!isPlain || !(granularity === 'row' || granularity === 'tensor')) return undefined;
  const code = linearCodeNamed(choice.scheme);
  return code?.bits === 8 ? code : undefined;
}

/**
 * Whether `quantizeTensor` is the way to encode a setting, rather than `encodeTensor`, which does more in one walk: where a graph
 * makes the codes, of many rows at once, and for rows that are cut into slices.
 */
export function takesRows(
  setting: Pick<Setting, 'choice' | 'graph'>,
  { columns }: TensorSource,
  { pool, encoder }: QuantizeRunners,
): boolean {
  return kernelCode(setting) !== undefined && (encoder !== pool || columns > segmentElements);
}

/** Codes go to `output` when it is given. `onPart` hears the elements of each part that is done. */
export async function quantizeTensor(
  runners: QuantizeRunners,
  source: TensorSource,
  choice: SchemeChoice,
  output: EncodeTask['output'],
  options: TaskOptions,
  onPart: (elements: number) => void = () => {},
  sumsErrors = true,
): Promise<QuantizedTensor> {
  const scaleDtype = scaleDtypeFor(choice, source.dtype);
  const rule: ParameterRule =
    choice.granularity === 'row'
      ? { kind: 'row', scaleDtype }
      : { kind: 'given', ...(await tensorParameters(runners.pool, source, choice, options)) };
  const scale = new Float32Array(source.rows);
  const zero = new Uint8Array(source.rows);
  let sums = noErrorSums;
  await inOrder(
    rowParts(source),
    runners.encoder.size + 1,
    options.signal,
    (part) =>
      runners.encoder.run(
        { kind: 'encode', source, part, scheme: choice.scheme, rule, output, sumsErrors },
        options,
      ),
    (result, part) => {
      if (result.sums) sums = addErrorSums(sums, result.sums);
      scale.set(result.scale, part.row);
      zero.set(result.zero, part.row);
      onPart(part.rows * part.columns);
    },
  );
  return { sums: sumsErrors ? sums : undefined, scale, zero };
}

/** Smallest and largest value of each row. */
async function ranges(
  pool: TaskRunner,
  source: TensorSource,
  options: TaskOptions,
): Promise<{ min: Float32Array; max: Float32Array }> {
  const min = new Float32Array(source.rows);
  const max = new Float32Array(source.rows);
  await inOrder(
    rowParts(source),
    pool.size + 1,
    options.signal,
    (part) => pool.run({ kind: 'ranges', source, part }, options),
    (result, part) => {
      min.set(result.min, part.row);
      max.set(result.max, part.row);
    },
  );
  return { min, max };
}

async function tensorParameters(
  pool: TaskRunner,
  source: TensorSource,
  choice: SchemeChoice,
  options: TaskOptions,
) {
  const { min, max } = await ranges(pool, source, options);
  const low = min.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = max.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return namingTensor(source, () =>
    linearCodeNamed(choice.scheme)!.parameters(low, high, scaleDtypeFor(choice, source.dtype)),
  );
}

/** The parameters of every row and the dequantized values' extremes, for views that encode on the fly. */
export interface RowParameterTable {
  readonly parameters: RowParameters;
  readonly min: number;
  readonly max: number;
}

/** Of a scheme with linear 8-bit codes. Throws `non-finite` naming the place, and what the scale's type cannot hold. */
export async function rowParameterTable(
  pool: TaskRunner,
  source: TensorSource,
  choice: SchemeChoice,
  options: TaskOptions,
): Promise<RowParameterTable> {
  const code = linearCodeNamed(choice.scheme)!;
  const scaleDtype = scaleDtypeFor(choice, source.dtype);
  const { min, max } = await ranges(pool, source, options);
  const low = min.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = max.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const parameters: RowParameters = {
    scale: new Float32Array(source.rows),
    inverse: new Float32Array(source.rows),
    zero: new Float32Array(source.rows),
  };
  let [dequantizedLow, dequantizedHigh] = [low, high];
  for (let row = 0; row < source.rows; row++) {
    const whole = choice.granularity === 'tensor';
    const own = namingTensor(source, () =>
      code.parameters(whole ? low : min[row]!, whole ? high : max[row]!, scaleDtype),
    );
    parameters.scale[row] = own.scale;
    parameters.inverse[row] = own.inverse;
    parameters.zero[row] = own.zero;
    // A dequantized value lies at most a step beyond the original one.
    dequantizedLow = Math.min(dequantizedLow, min[row]! - own.scale);
    dequantizedHigh = Math.max(dequantizedHigh, max[row]! + own.scale);
  }
  return { parameters, min: dequantizedLow, max: dequantizedHigh };
}
