/** Error sums in float64: even and odd pairs of values have accumulators of their own, joined at the end. */

function upper(x: v128): v128 {
  return v128.shuffle<f32>(x, x, 2, 3, 2, 3);
}

function total(first: v128, second: v128): f64 {
  const sum = f64x2.add(first, second);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

export function errorSums(x: usize, y: usize, n: i32, out: usize): void {
  const zero = f64x2.splat(0);
  let squaredError0 = zero;
  let squaredError1 = zero;
  let absolute0 = zero;
  let absolute1 = zero;
  let squaredX0 = zero;
  let squaredX1 = zero;
  let squaredY0 = zero;
  let squaredY1 = zero;
  let largest = zero;
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const fourX = v128.load(x);
    const fourY = v128.load(y);
    const x0 = f64x2.promote_low_f32x4(fourX);
    const y0 = f64x2.promote_low_f32x4(fourY);
    const error0 = f64x2.sub(x0, y0);
    const distance0 = f64x2.abs(error0);
    squaredError0 = f64x2.add(squaredError0, f64x2.mul(error0, error0));
    absolute0 = f64x2.add(absolute0, distance0);
    squaredX0 = f64x2.add(squaredX0, f64x2.mul(x0, x0));
    squaredY0 = f64x2.add(squaredY0, f64x2.mul(y0, y0));
    const x1 = f64x2.promote_low_f32x4(upper(fourX));
    const y1 = f64x2.promote_low_f32x4(upper(fourY));
    const error1 = f64x2.sub(x1, y1);
    const distance1 = f64x2.abs(error1);
    squaredError1 = f64x2.add(squaredError1, f64x2.mul(error1, error1));
    absolute1 = f64x2.add(absolute1, distance1);
    squaredX1 = f64x2.add(squaredX1, f64x2.mul(x1, x1));
    squaredY1 = f64x2.add(squaredY1, f64x2.mul(y1, y1));
    largest = f64x2.pmax(f64x2.pmax(largest, distance0), distance1);
    x += 16;
    y += 16;
  }
  let squaredError = total(squaredError0, squaredError1);
  let absolute = total(absolute0, absolute1);
  let squaredX = total(squaredX0, squaredX1);
  let squaredY = total(squaredY0, squaredY1);
  let farthest = max<f64>(f64x2.extract_lane(largest, 0), f64x2.extract_lane(largest, 1));
  for (; i < n; i++) {
    const oneX = <f64>load<f32>(x);
    const oneY = <f64>load<f32>(y);
    const error = oneX - oneY;
    squaredError += error * error;
    absolute += abs<f64>(error);
    squaredX += oneX * oneX;
    squaredY += oneY * oneY;
    farthest = max<f64>(farthest, abs<f64>(error));
    x += 4;
    y += 4;
  }
  store<f64>(out, squaredError);
  store<f64>(out, absolute, 8);
  store<f64>(out, squaredX, 16);
  // From e = x - y: sum e^2 = sum x^2 - 2 sum x y + sum y^2, which spares the loop a product.
  store<f64>(out, (squaredX + squaredY - squaredError) / 2, 24);
  store<f64>(out, squaredY, 32);
  store<f64>(out, farthest, 40);
}
