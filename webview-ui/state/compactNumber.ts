/** A number in at most five or six letters, for cells of a map: "312", "4.7", "12k", "3e−5". The exact one is told elsewhere. */
export function compactNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value > 0 ? '∞' : '−∞';
  const sign = value < 0 ? '−' : '';
  const magnitude = Math.abs(value);
  const text = (() => {
    if (magnitude === 0) return '0';
    if (magnitude < 0.001) return magnitude.toExponential(0).replace('-', '−');
    if (magnitude < 1) return trimmed(magnitude.toPrecision(2));
    if (magnitude < 99.95) return trimmed(magnitude.toFixed(1));
    if (magnitude < 999.5) return magnitude.toFixed(0);
    for (const [unit, letter] of [
      [1e9, 'G'],
      [1e6, 'M'],
      [1e3, 'k'],
    ] as const) {
      // 999,950 is 1M, not 1000k.
      if (magnitude >= unit * 0.9995) {
        const scaled = magnitude / unit;
        if (scaled >= 9999) return magnitude.toExponential(0).replace('+', '').replace('-', '−');
        return `${trimmed(scaled < 9.95 ? scaled.toFixed(1) : scaled.toFixed(0))}${letter}`;
      }
    }
    return magnitude.toFixed(0);
  })();
  return text === '0' ? text : sign + text;
}

const trimmed = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
