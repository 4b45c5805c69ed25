import { findDtype } from '../../numeric/dtypes';
import { bf16ToF32Bits, f16ToF32Bits } from '../../numeric/floats';
import { tableValues } from '../../numeric/tableValues';
import type { BlockValue } from './blockValue';
import { codebookBlocks } from './codebookBlocks';
import { kBlocks } from './kBlocks';
import { latticeBlocks } from './latticeBlocks';
import { legacyBlocks } from './legacyBlocks';
import { ternaryBlocks } from './ternaryBlocks';

const blocks: ReadonlyMap<string, BlockValue> = new Map(
  Object.entries({ ...legacyBlocks, ...kBlocks, ...codebookBlocks, ...ternaryBlocks, ...latticeBlocks }),
);

/** E2M1 without its sign (OCP Microscaling Formats 1.0, 5.3.3). */
const fp4Magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

/**
 * Code number `i` of a type of 2, 4 or 6 bits, the first in the lowest bits: ONNX (onnx.proto, TensorProto.raw_data) and
 * PyTorch (float4_e2m1fn_x2) say so. How four floats of 6 bits share three bytes is left open both by OCP's
 * specification and by safetensors (huggingface/safetensors, pull request 611); this is the same dense order, which
 * AMD's rocRoller has too (DataTypes_FP6). torchao splits such codes differently, but stores them as U8.
 */
function codeOf(view: DataView, i: number, bits: number): number {
  const bit = i * bits;
  const at = bit >> 3;
  const upper = at + 1 < view.byteLength ? view.getUint8(at + 1) : 0;
  return ((view.getUint8(at) | (upper << 8)) >> (bit & 7)) & (2 ** bits - 1);
}

/** Two's complement of a few bits. */
const signed = (code: number, bits: number): number => (code >= 2 ** (bits - 1) ? code - 2 ** bits : code);

/**
 * Decodes a plain or block type to float32, value by value, as the formats define it; `elements` fills
 * whole blocks. Throws a TypeError for a type without a decoder.
 */
export function decodeReference(dtype: string, bytes: Uint8Array, elements: number): Float32Array {
  const result = new Float32Array(elements);
  const bits = new Uint32Array(result.buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blockValue = blocks.get(dtype);
  const table = tableValues(dtype);
  const { blockElements, blockBytes } = findDtype(dtype)!;
  for (let i = 0; i < elements; i++) {
    if (blockValue) {
      result[i] = blockValue(view, blockBytes * Math.floor(i / blockElements), i % blockElements);
    } else if (dtype === 'F6_E2M3' || dtype === 'F6_E3M2') {
      result[i] = table![codeOf(view, i, 6)]!;
    } else if (table && dtype !== 'F4') {
      result[i] = table[view.getUint8(i)]!;
    } else {
      switch (dtype) {
        case 'F32':
          bits[i] = view.getUint32(4 * i, true);
          break;
        case 'F16':
          bits[i] = f16ToF32Bits(view.getUint16(2 * i, true));
          break;
        case 'BF16':
          bits[i] = bf16ToF32Bits(view.getUint16(2 * i, true));
          break;
        case 'F4': {
          const code = codeOf(view, i, 4);
          result[i] = (code & 8 ? -1 : 1) * fp4Magnitudes[code & 7]!;
          break;
        }
        case 'U4':
        case 'U2':
          result[i] = codeOf(view, i, dtype === 'U4' ? 4 : 2);
          break;
        case 'I4':
        case 'I2': {
          const bits = dtype === 'I4' ? 4 : 2;
          result[i] = signed(codeOf(view, i, bits), bits);
          break;
        }
        case 'I8':
          result[i] = view.getInt8(i);
          break;
        case 'U8':
          result[i] = view.getUint8(i);
          break;
        case 'I16':
          result[i] = view.getInt16(2 * i, true);
          break;
        case 'U16':
          result[i] = view.getUint16(2 * i, true);
          break;
        default:
          throw new TypeError(`no decoder for ${dtype}`);
      }
    }
  }
  return result;
}

/** As `decodeReference` for the types of `wideDtypes`, to float64; integers beyond 2^53 go to the nearest. */
export function decodeWideReference(dtype: string, bytes: Uint8Array, elements: number): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: elements }, (_, i) => {
    switch (dtype) {
      case 'F64':
        return view.getFloat64(8 * i, true);
      case 'I32':
        return view.getInt32(4 * i, true);
      case 'U32':
        return view.getUint32(4 * i, true);
      case 'I64':
        return Number(view.getBigInt64(8 * i, true));
      case 'U64':
        return Number(view.getBigUint64(8 * i, true));
      default:
        throw new TypeError(`no wide decoder for ${dtype}`);
    }
  });
}
