/** Sizes and counts as people read them. Pure. */

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const countUnits = ['', ' K', ' M', ' B', ' T'];

/** Bytes to three or four significant digits in binary units: `6.26 MiB`. */
export function binarySize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${binaryUnits[unit]}`;
}

/** A parameter count as model cards write it: `3.30 M`, `8.03 B`. */
export function parameterCount(count: number): string {
  if (count < 1000) return String(count);
  const step = Math.min(countUnits.length - 1, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** step).toPrecision(3)}${countUnits[step]}`;
}
