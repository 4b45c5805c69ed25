/** Counting by 16-bit patterns into 65,536 u32 bins. */

export function count(histogram: usize, pattern: u32): void {
  const bin = histogram + ((<usize>pattern) << 2);
  store<u32>(bin, load<u32>(bin) + 1);
}

export function histogramF32(src: usize, n: i32, histogram: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    count(histogram, load<u16>(src, 2));
    count(histogram, load<u16>(src, 6));
    count(histogram, load<u16>(src, 10));
    count(histogram, load<u16>(src, 14));
    src += 16;
  }
  for (; i < n; i++) {
    count(histogram, load<u16>(src, 2));
    src += 4;
  }
}

export function histogramU16(src: usize, n: i32, histogram: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const four = load<u64>(src);
    count(histogram, <u32>four & 0xffff);
    count(histogram, <u32>four >> 16);
    count(histogram, <u32>(four >> 32) & 0xffff);
    count(histogram, <u32>(four >> 48));
    src += 8;
  }
  for (; i < n; i++) {
    count(histogram, load<u16>(src));
    src += 2;
  }
}

export function histogramF64(src: usize, n: i32, histogram: usize): void {
  for (let i = 0; i < n; i++) {
    const value = load<f64>(src);
    const rounded = <f32>value;
    let bits = reinterpret<u32>(rounded);
    // Rounding away from zero may have left the value's bin; one pattern less is the cut value.
    if (abs<f64>(<f64>rounded) > abs<f64>(value)) bits--;
    count(histogram, bits >> 16);
    src += 8;
  }
}
