/** Integers of two and four bits, the first in a byte's lowest bits, as ONNX packs them (onnx/onnx.proto, TensorProto). */
import { highNibbles, lowNibbles, storeBytes, storeQuarters } from './lanes';

/** Stores the 32 nibbles of 16 bytes in their order; `flip` and its subtraction extend a sign. */
function storeNibbles(dst: usize, bytes: v128, flip: v128): void {
  const low = i8x16.sub(v128.xor(lowNibbles(bytes), flip), flip);
  const high = i8x16.sub(v128.xor(highNibbles(bytes), flip), flip);
  const first = v128.shuffle<u8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const second = v128.shuffle<u8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  storeBytes(dst, first, 1);
  storeBytes(dst + 64, second, 1);
}

function decodeNibbles(src: usize, dst: usize, elements: i32, sign: i32): void {
  const flip = i8x16.splat(<i8>sign);
  let i = 0;
  for (; i + 32 <= elements; i += 32) {
    storeNibbles(dst, v128.load(src), flip);
    src += 16;
    dst += 128;
  }
  for (; i + 2 <= elements; i += 2) {
    const pair = <i32>load<u8>(src);
    store<f32>(dst, <f32>(((pair & 15) ^ sign) - sign));
    store<f32>(dst, <f32>(((pair >> 4) ^ sign) - sign), 4);
    src += 1;
    dst += 8;
  }
}

export function decodeU4(src: usize, dst: usize, elements: i32): void {
  decodeNibbles(src, dst, elements, 0);
}

export function decodeI4(src: usize, dst: usize, elements: i32): void {
  decodeNibbles(src, dst, elements, 8);
}

function decodeQuarters(src: usize, dst: usize, elements: i32, sign: i32): void {
  const flip = i8x16.splat(<i8>sign);
  let i = 0;
  for (; i + 64 <= elements; i += 64) {
    storeQuarters(dst, v128.load(src), flip, flip, 1);
    src += 16;
    dst += 256;
  }
  for (; i + 4 <= elements; i += 4) {
    let four = <i32>load<u8>(src);
    for (let n = 0; n < 4; n++) {
      store<f32>(dst, <f32>(((four & 3) ^ sign) - sign));
      four >>= 2;
      dst += 4;
    }
    src += 1;
  }
}

export function decodeU2(src: usize, dst: usize, elements: i32): void {
  decodeQuarters(src, dst, elements, 0);
}

export function decodeI2(src: usize, dst: usize, elements: i32): void {
  decodeQuarters(src, dst, elements, 2);
}
