import { bf16ToF32Bits, f16ToF32Bits, f16ToNumber } from '../../numeric/floats';

/**
 * Decodes a plain or block type to float32, value by value, as the formats define it: Q8_0 is d * q over
 * 32 signed bytes behind a binary16 d, Q4_0 is d * (q - 8) over 32 nibbles of which the low ones come
 * first (ggml-quants.c, dequantize_row_q8_0 and dequantize_row_q4_0). `elements` fills whole blocks.
 */
export function decodeReference(dtype: string, bytes: Uint8Array, elements: number): Float32Array {
  const result = new Float32Array(elements);
  const bits = new Uint32Array(result.buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < elements; i++) {
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
      case 'I8':
        result[i] = view.getInt8(i);
        break;
      case 'U8':
        result[i] = view.getUint8(i);
        break;
      case 'Q8_0': {
        const block = 34 * Math.floor(i / 32);
        result[i] = f16ToNumber(view.getUint16(block, true)) * view.getInt8(block + 2 + (i % 32));
        break;
      }
      case 'Q4_0': {
        const block = 18 * Math.floor(i / 32);
        const byte = view.getUint8(block + 2 + (i % 16));
        const nibble = i % 32 < 16 ? byte & 15 : byte >> 4;
        result[i] = f16ToNumber(view.getUint16(block, true)) * (nibble - 8);
        break;
      }
      default:
        throw new TypeError(`no decoder for ${dtype}`);
    }
  }
  return result;
}
