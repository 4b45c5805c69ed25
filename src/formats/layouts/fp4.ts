/**
 * 4-bit floats (E2M1) with a scale for each short group of a row: compressed-tensors' nvfp4-pack-quantized and
 * mxfp4-pack-quantized, NVIDIA ModelOpt's NVFP4, and gpt-oss' MXFP4 blocks. NVFP4 has FP8 scales for 16 values,
 * MXFP4 powers of two (one byte) for 32. NVFP4 has one F32 more: compressed-tensors divides scales by it
 * (quantization/lifecycle/forward.py), ModelOpt multiplies (nvfp4_tensor.py), both before codes are scaled. A scale
 * byte of 255 is NaN (OCP Microscaling Formats 1.0, 5.4.1).
 */
import type { TensorInfo, TensorSpan } from '../checkpoint';
import type { PackedWeight } from '../packedWeight';
import { type Folding, product, toSpan } from './folding';

const nvfp4Group = 16;
const mxfp4Group = 32;

/** X.weight_packed U8 [N, K/2] (compressed-tensors), or X.weight U8 with X.weight_scale_2 (ModelOpt). */
export function foldPackedFp4(folding: Folding): void {
  for (const { tensor, prefix } of folding.ending('.weight_packed'))
    if (tensor.dtype === 'U8')
      foldOne(folding, tensor, prefix, 'compressed-tensors', `${prefix}.weight_global_scale`);
  for (const { tensor, prefix } of folding.ending('.weight'))
    if (tensor.dtype === 'U8' && folding.find(`${prefix}.weight_scale_2`))
      foldOne(folding, tensor, prefix, 'ModelOpt', `${prefix}.weight_scale_2`);
}

function foldOne(
  folding: Folding,
  codes: TensorInfo,
  prefix: string,
  maker: string,
  globalName: string,
): void {
  const scale = folding.find(`${prefix}.weight_scale`);
  if (!scale) {
    folding.warn(codes, 'its weight_scale is missing');
    return;
  }
  const columns = (codes.shape.at(-1) ?? 0) * 2;
  const outer = codes.shape.slice(0, -1);
  const fits = (group: number) =>
    codes.shape.length >= 2 && scale.shape.join() === [...outer, Math.ceil(columns / group)].join();
  const isNv = scale.dtype === 'F8_E4M3' && fits(nvfp4Group);
  const isMx = (scale.dtype === 'U8' || scale.dtype === 'F8_E8M0') && fits(mxfp4Group);
  if (!isNv && !isMx) {
    folding.warn(
      codes,
      `scales of type ${scale.dtype} and shape [${scale.shape.join(', ')}] are neither NVFP4's nor MXFP4's`,
    );
    return;
  }
  const method = isNv ? 'NVFP4' : 'MXFP4';
  const global = isNv ? folding.find(globalName) : undefined;
  folding.fold({
    name: `${prefix}.weight`,
    dtype: method,
    shape: [...outer, columns],
    layout: `${maker} ${method}`,
    bits: 4,
    parts: [
      ['codes', codes],
      ['scales', scale],
      ['global scale', global],
      ['input scale', folding.find(`${prefix}.input_global_scale`) ?? folding.find(`${prefix}.input_scale`)],
    ],
    values:
      isNv && (!global || product(global.shape) !== 1)
        ? `its ${globalName.slice(prefix.length + 1)} is missing or not one number`
        : e2m1Rows(codes, scale, [...outer, columns], isNv ? 'F8_E4M3' : 'F8_E8M0', {
            each: isNv ? nvfp4Group : mxfp4Group,
            ...(global ? { global: { span: toSpan(global), divides: maker !== 'ModelOpt' } } : {}),
          }),
  });
}

/** Rows of E2M1 codes, the first of a byte in its lower half, with the scales of a row one after the other. */
function e2m1Rows(
  codes: TensorInfo,
  scales: TensorInfo,
  shape: readonly number[],
  scaleDtype: string,
  { each, global }: { each: number; global?: PackedWeight<TensorSpan>['scales']['global'] },
): PackedWeight<TensorSpan> {
  const width = shape.at(-1)!;
  const lines = product(shape.slice(0, -1));
  return {
    codes: toSpan(codes),
    bits: 4,
    lines,
    width,
    order: { kind: 'dense', strideBytes: width / 2 },
    meaning: { kind: 'table', dtype: 'F4' },
    scales: {
      span: toSpan(scales),
      dtype: scaleDtype,
      groups: Math.ceil(width / each),
      widthEach: each,
      linesEach: 1,
      matrixLines: Math.max(1, lines),
      ...(global ? { global } : {}),
    },
  };
}

/** gpt-oss: X_blocks U8 [..., R, G, 16] and X_scales U8 [..., R, G] make X [..., R, 32 G]. */
export function foldMxfp4Blocks(folding: Folding): void {
  for (const { tensor: blocks, prefix } of folding.ending('_blocks')) {
    const scales = folding.find(`${prefix}_scales`);
    if (blocks.dtype !== 'U8' || scales?.dtype !== 'U8') continue;
    const outer = blocks.shape.slice(0, -1);
    if (outer.length < 2 || blocks.shape.at(-1) !== mxfp4Group / 2 || scales.shape.join() !== outer.join()) {
      folding.warn(blocks, 'its blocks and scales do not fit together');
      continue;
    }
    folding.fold({
      name: prefix,
      dtype: 'MXFP4',
      shape: [...outer.slice(0, -1), outer.at(-1)! * mxfp4Group],
      layout: 'MXFP4 blocks',
      bits: 4,
      parts: [
        ['codes', blocks],
        ['scales', scales],
      ],
      values: e2m1Rows(blocks, scales, [...outer.slice(0, -1), outer.at(-1)! * mxfp4Group], 'F8_E8M0', {
        each: mxfp4Group,
      }),
    });
  }
}
