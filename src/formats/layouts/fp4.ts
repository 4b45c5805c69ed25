/**
 * 4-bit floats (E2M1) with a scale for each short group of a row: compressed-tensors' nvfp4-pack-quantized and
 * mxfp4-pack-quantized, NVIDIA ModelOpt's NVFP4, and gpt-oss' MXFP4 blocks. NVFP4 has FP8 scales for 16 values,
 * MXFP4 powers of two (one byte) for 32.
 */
import type { TensorInfo } from '../checkpoint';
import type { Folding } from './folding';

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
  folding.fold({
    name: `${prefix}.weight`,
    dtype: method,
    shape: [...outer, columns],
    layout: `${maker} ${method}`,
    bits: 4,
    parts: [
      ['codes', codes],
      ['scales', scale],
      ['global scale', isNv ? folding.find(globalName) : undefined],
      ['input scale', folding.find(`${prefix}.input_global_scale`) ?? folding.find(`${prefix}.input_scale`)],
    ],
  });
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
    });
  }
}
