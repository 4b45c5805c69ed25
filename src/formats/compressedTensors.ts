/**
 * compressed-tensors' `pack-quantized` layout (vllm-project/compressed-tensors, compressors/pack_quantized):
 * a weight X.weight is stored as X.weight_packed, X.weight_scale, X.weight_shape and, when asymmetric,
 * X.weight_zero_point. Reading folds these into one logical tensor; writing describes them in config.json.
 */
import type { Finding, PackedPieces, TensorInfo, TensorSpan } from './checkpoint';
import { quoteName } from './fileContents';
import { FindingList } from './findingList';
import { asRecord } from './jsonSidecar';

const packedSuffix = '.weight_packed';
/** Bit widths whose packing is the same in all versions, and that the kernels unpack. */
const knownBits = [8, 4] as const;
const scaleDtypes = new Set(['F32', 'F16', 'BF16']);

export interface FoldResult {
  readonly tensors: readonly TensorInfo[];
  readonly findings: readonly Finding[];
}

/** The stored tensors of one weight, before they are checked against each other. */
interface Candidate {
  readonly name: string;
  readonly packed: TensorInfo;
  readonly scale: TensorInfo;
  readonly shape: TensorInfo;
  readonly zeroPoint: TensorInfo | undefined;
}

/**
 * Folds packed weights. `readSpans` gets the X.weight_shape tensors, 16 bytes each, and gives their bytes in the
 * same order. Pieces that do not fit together stay as they are stored, with a warning; layouts of other names and
 * types (such as nvfp4's U8 weight_packed) stay without one. `config` settles the width where a short row leaves it open.
 */
export async function foldPackedWeights(
  tensors: readonly TensorInfo[],
  filePath: (file: number) => string,
  readSpans: (spans: readonly TensorSpan[]) => Promise<readonly Uint8Array[]>,
  config: Readonly<Record<string, unknown>> | undefined,
): Promise<FoldResult> {
  const packed = tensors.filter(({ name, dtype }) => name.endsWith(packedSuffix) && dtype === 'I32');
  if (packed.length === 0) return { tensors, findings: [] };
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const findings = new FindingList();
  const warn = (tensor: TensorInfo, reason: string) =>
    findings.add({
      severity: 'warning',
      code: 'packed-inconsistent',
      message: `${quoteName(tensor.name)} is not shown as a weight: ${reason}.`,
      file: filePath(tensor.file),
      tensor: tensor.name,
      byteOffset: tensor.byteOffset,
    });

  const candidates: Candidate[] = [];
  for (const tensor of packed) {
    const found = findPieces(tensor, byName);
    if (typeof found === 'string') warn(tensor, found);
    else candidates.push(found);
  }
  const shapes = await readSpans(candidates.map(({ shape }) => shape));
  const expectedBits = configuredBits(config);
  const folded = new Map<TensorInfo, TensorInfo>();
  const swallowed = new Set<TensorInfo>();
  for (const [i, candidate] of candidates.entries()) {
    const logical = fold(candidate, shapes[i]!, expectedBits);
    if (typeof logical === 'string') {
      warn(candidate.packed, logical);
      continue;
    }
    folded.set(candidate.packed, logical);
    for (const piece of [candidate.scale, candidate.shape, candidate.zeroPoint])
      if (piece) swallowed.add(piece);
  }
  return {
    tensors: tensors.filter((tensor) => !swallowed.has(tensor)).map((tensor) => folded.get(tensor) ?? tensor),
    findings: findings.toArray(),
  };
}

/** The other pieces by name, or why they do not make a weight. */
function findPieces(packed: TensorInfo, byName: ReadonlyMap<string, TensorInfo>): Candidate | string {
  const name = packed.name.slice(0, -'_packed'.length);
  const scale = byName.get(`${name}_scale`);
  const shape = byName.get(`${name}_shape`);
  const zeroPoint = byName.get(`${name}_zero_point`);
  if (!scale) return 'its weight_scale is missing';
  if (!shape) return 'its weight_shape is missing';
  if (byName.has(name)) return 'there is an unpacked weight of the same name';
  if (byName.has(`${name}_g_idx`)) return 'its columns are reordered (weight_g_idx), which is not supported';
  if (shape.dtype !== 'I64' || shape.shape.length !== 1 || shape.shape[0] !== 2)
    return 'its weight_shape is not two I64 values';
  for (const piece of [packed, scale, shape, zeroPoint])
    if (piece?.unreadable !== undefined) return `${quoteName(piece.name)} cannot be read`;
  return { name, packed, scale, shape, zeroPoint };
}

/** The logical tensor, or why the pieces do not fit. */
function fold(
  candidate: Candidate,
  shapeBytes: Uint8Array,
  expectedBits: number | undefined,
): TensorInfo | string {
  const { name, packed, scale, shape, zeroPoint } = candidate;
  const view = new DataView(shapeBytes.buffer, shapeBytes.byteOffset, 16);
  const rows64 = view.getBigInt64(0, true);
  const columns64 = view.getBigInt64(8, true);
  const [rows, width] = packed.shape;
  if (packed.shape.length !== 2 || rows === undefined || width === undefined)
    return 'its packed codes are no matrix';
  if (rows64 !== BigInt(rows)) return `its weight_shape says ${rows64} rows, but ${rows} are stored`;
  // No width of up to 32 codes a word can hold more columns.
  if (columns64 < 1n || columns64 > BigInt(width) * 32n)
    return `its weight_shape says ${columns64} columns, which ${width} words a row cannot hold`;
  const columns = Number(columns64);
  const bits = chooseBits(columns, width, expectedBits);
  if (bits === undefined)
    return `${columns} columns in ${width} words a row are neither 8-bit nor 4-bit codes`;
  const scaleProblem = checkScale(scale, rows, columns);
  if (scaleProblem !== undefined) return scaleProblem;
  if (zeroPoint) {
    const groups = scale.shape[1];
    if (groups === undefined) return 'it has zero points, but only one scale for all rows';
    const zeroRows = Math.ceil((rows * bits) / 32);
    if (zeroPoint.dtype !== 'I32' || zeroPoint.shape.join() !== [zeroRows, groups].join())
      return `its weight_zero_point should be I32 [${zeroRows}, ${groups}]`;
  }
  const bytes = packed.bytes + scale.bytes + shape.bytes + (zeroPoint?.bytes ?? 0);
  const pieces: PackedPieces = {
    layout: 'pack-quantized',
    bits,
    bitsPerWeight: (bytes * 8) / (rows * columns),
    parts: [
      { role: 'codes', span: toSpan(packed) },
      { role: 'scales', span: toSpan(scale) },
      ...(zeroPoint ? [{ role: 'zero points', span: toSpan(zeroPoint) }] : []),
      { role: 'shape', span: toSpan(shape) },
    ],
    codes: {
      packed: toSpan(packed),
      scale: toSpan(scale),
      ...(zeroPoint ? { zeroPoint: toSpan(zeroPoint) } : {}),
    },
  };
  return {
    name,
    dtype: `INT${bits}`,
    shape: [rows, columns],
    file: packed.file,
    byteOffset: packed.byteOffset,
    bytes,
    elements: rows * columns,
    pieces,
  };
}

function checkScale(scale: TensorInfo, rows: number, columns: number): string | undefined {
  if (!scaleDtypes.has(scale.dtype)) return `its scales are ${scale.dtype}`;
  if (scale.shape.length === 1 && scale.shape[0] === 1) return undefined;
  const groups = scale.shape[1];
  if (scale.shape.length !== 2 || scale.shape[0] !== rows || groups === undefined)
    return `its scales are shaped [${scale.shape.join(', ')}] for ${rows} rows`;
  if (groups < 1 || columns % groups !== 0) return `${columns} columns do not divide into ${groups} groups`;
  return undefined;
}

/** The code width in bits that `columns` codes in `width` words mean. */
function chooseBits(columns: number, width: number, expected: number | undefined): number | undefined {
  const fitting = knownBits.filter((bits) => Math.ceil((columns * bits) / 32) === width);
  return fitting.find((bits) => bits === expected) ?? fitting[0];
}

/** num_bits of config.json's quantization_config when all its groups agree. */
function configuredBits(config: Readonly<Record<string, unknown>> | undefined): number | undefined {
  const groups = asRecord(asRecord(config?.quantization_config)?.config_groups);
  const widths = new Set(
    Object.values(groups ?? {}).map((group) => asRecord(asRecord(group)?.weights)?.num_bits),
  );
  const [only] = widths;
  return widths.size === 1 && typeof only === 'number' ? only : undefined;
}

const toSpan = ({ name, dtype, shape, file, byteOffset, bytes }: TensorInfo): TensorSpan => ({
  name,
  dtype,
  shape,
  file,
  byteOffset,
  bytes,
});

/**
 * The `quantization_config` of config.json for weight-only INT8 with one scale per row, as vLLM and transformers
 * load it. `ignore` lists the modules (not tensors) that stay unquantized. `scale_dtype` is left out: versions
 * up to 0.12.2 refuse unknown keys.
 */
export function quantizationConfig(options: {
  readonly symmetric: boolean;
  readonly ignore: readonly string[];
}): Record<string, unknown> {
  return {
    quant_method: 'compressed-tensors',
    format: 'pack-quantized',
    quantization_status: 'compressed',
    global_compression_ratio: null,
    ignore: [...options.ignore],
    kv_cache_scheme: null,
    config_groups: {
      group_0: {
        targets: ['Linear'],
        weights: {
          num_bits: 8,
          type: 'int',
          symmetric: options.symmetric,
          strategy: 'channel',
          dynamic: false,
        },
        input_activations: null,
        output_activations: null,
      },
    },
  };
}
