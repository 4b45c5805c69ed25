/**
 * GPTQ (AutoGPTQ, GPTQModel) and AWQ's GEMM layout: X.qweight I32, X.qzeros I32 [G, N * bits / 32], X.scales [G, N]
 * and, for GPTQ, X.g_idx I32 [K]. Both store the transpose of the weight. GPTQ packs along K: qweight
 * [K * bits / 32, N]; AWQ along N: qweight [K, N * bits / 32]. The scales' width tells them apart. w[n][k] =
 * (code - zero) * scale, both of k's group: g_idx[k], or k / group. Loaders compute it in half precision; ours are the
 * values in float32. GPTQ's first version stores zero points less one; they are unpacked, then one is added.
 */
import type { TensorInfo, TensorSpan } from '../checkpoint';
import type { PackedWeight, ZeroPoints } from '../packedWeight';
import { type Folding, toSpan, wholeNumber } from './folding';

type Span = PackedWeight<TensorSpan>['codes'];

/** AutoAWQ, packing_utils.py: output 8c + i lies in field slots[i] of word c. */
const awqSlots = [0, 4, 1, 5, 2, 6, 3, 7] as const;
/** Widths that every loader packs densely; GPTQModel stores others as planes of bits. */
const denseGptqBits: ReadonlySet<number> = new Set([2, 3, 4, 8]);
const scaleTypes: ReadonlySet<string> = new Set(['F16', 'BF16', 'F32']);

/** Widths that either writes. */
const knownBits = [4, 8, 2, 3, 5, 6, 7] as const;

/** Folds X.qweight into X.weight [N, K]. */
export function foldGptqAndAwq(folding: Folding): void {
  const configured = wholeNumber(folding.quantization?.bits ?? folding.quantization?.w_bit, 1, 8);
  for (const { tensor: codes, prefix } of folding.ending('.qweight')) {
    if (codes.dtype !== 'I32' || codes.shape.length !== 2) continue;
    const scales = folding.find(`${prefix}.scales`);
    if (scales?.shape.length !== 2) {
      folding.warn(codes, 'its scales are missing or no matrix');
      continue;
    }
    const zeros = folding.find(`${prefix}.qzeros`);
    const order = folding.find(`${prefix}.g_idx`);
    const [rows, width] = codes.shape as [number, number];
    const [groups, columns] = scales.shape as [number, number];
    const isGptq = width === columns;
    const bits = isGptq
      ? gptqBits(rows, columns, order, zeros, configured)
      : knownBits.find((each) => width * 32 === columns * each);
    const inner = bits === undefined ? 0 : isGptq ? (rows * 32) / bits : rows;
    if (bits === undefined || !Number.isInteger(inner) || groups < 1 || inner < groups) {
      folding.warn(
        codes,
        `codes of [${rows}, ${width}] and scales of [${groups}, ${columns}] fit neither GPTQ nor AWQ`,
      );
      continue;
    }
    folding.fold({
      name: `${prefix}.weight`,
      dtype: `INT${bits}`,
      shape: [columns, inner],
      layout: isGptq ? 'GPTQ' : 'AWQ',
      bits,
      parts: [
        ['codes', codes],
        ['scales', scales],
        ['zero points', zeros],
        ['group of each column', order],
      ],
      values: valuesOf(folding, { codes, scales, zeros, order }, { isGptq, bits, columns, inner, groups }),
    });
  }
}

interface Pieces {
  readonly codes: TensorInfo;
  readonly scales: TensorInfo;
  readonly zeros: TensorInfo | undefined;
  readonly order: TensorInfo | undefined;
}

interface Size {
  readonly isGptq: boolean;
  readonly bits: number;
  /** N. */
  readonly columns: number;
  /** K. */
  readonly inner: number;
  readonly groups: number;
}

function valuesOf(folding: Folding, pieces: Pieces, size: Size): PackedWeight<TensorSpan> | string {
  const { codes, scales, zeros, order } = pieces;
  const { isGptq, bits, columns, inner, groups } = size;
  const config = folding.quantization;
  const format = config?.checkpoint_format;
  if (!scaleTypes.has(scales.dtype)) return `its scales are ${scales.dtype}`;
  if (isGptq && (!denseGptqBits.has(bits) || format === 'gptq_p'))
    return `${bits} bits of this kind are stored as planes of bits`;
  if (!isGptq && bits !== 4) return 'AWQ has 4 bits only';
  if (!isGptq && (config?.version === 'gemv' || config?.version === 'gemv_fast'))
    return `the order of its version ${config.version} is not known`;
  if (!isGptq && !zeros) return 'its qzeros are missing';
  if (zeros && (zeros.dtype !== 'I32' || zeros.shape[0] !== groups))
    return 'its qzeros do not fit its scales';
  const group = groupSize(inner, groups, config?.group_size ?? config?.q_group_size);
  if (group === undefined && !order) return `${inner} inputs do not divide into ${groups} groups`;
  const zeroPoints = (): ZeroPoints<Span> => {
    if (!zeros) return { kind: 'constant', value: 2 ** (bits - 1) };
    const span = toSpan(zeros);
    if (!isGptq) return { kind: 'groups', span, slots: awqSlots, plus: 0 };
    const middle = 2 ** (bits - 1);
    return {
      kind: 'groups',
      span,
      plus: format === 'gptq_v2' ? 0 : 1,
      // Some tools say v1 and write v2: a symmetric weight's stored zero points tell which it is.
      ...(config?.sym === true ? { unlessFirst: middle } : {}),
    };
  };
  return {
    codes: toSpan(codes),
    bits,
    lines: columns,
    width: inner,
    order: isGptq ? { kind: 'down' } : { kind: 'across', slots: awqSlots },
    meaning: { kind: 'integer', zeroPoints: zeroPoints() },
    scales: {
      span: toSpan(scales),
      dtype: scales.dtype,
      groups,
      widthEach: group ?? Math.ceil(inner / groups),
      linesEach: 1,
      matrixLines: Math.max(1, columns),
      byGroup: true,
    },
    ...(order ? { columnGroups: toSpan(order) } : {}),
  };
}

/** As configured where that makes the groups that there are; else equal ones. */
function groupSize(inner: number, groups: number, configured: unknown): number | undefined {
  const wanted = wholeNumber(configured, 1, inner);
  if (wanted !== undefined && Math.ceil(inner / wanted) === groups) return wanted;
  return inner % groups === 0 ? inner / groups : undefined;
}

/** From g_idx, which has an entry for each of the K inputs; else from the zero points' width; else as configured. */
function gptqBits(
  rows: number,
  columns: number,
  order: TensorInfo | undefined,
  zeros: TensorInfo | undefined,
  configured: number | undefined,
): number | undefined {
  const inputs = order?.shape.length === 1 ? order.shape[0] : undefined;
  const zeroWidth = zeros?.shape[1];
  const fits = (bits: number) =>
    (inputs === undefined || rows * 32 === inputs * bits) &&
    (zeroWidth === undefined || zeroWidth === Math.ceil((columns * bits) / 32));
  if (configured !== undefined && fits(configured)) return configured;
  return inputs === undefined && zeroWidth === undefined ? undefined : knownBits.find(fits);
}
