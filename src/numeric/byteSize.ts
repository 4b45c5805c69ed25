/** Sizes as people type them, and as this reads them back. */

const units: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KIB', 2 ** 10],
  ['MIB', 2 ** 20],
  ['GIB', 2 ** 30],
  ['TIB', 2 ** 40],
]);

/** Bytes: "2GB" is 2,000,000,000 and "2GiB" 2,147,483,648, as in Hugging Face's tools. undefined for what is no size. */
export function bytesOfText(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?I?B|)$/i.exec(text.trim());
  const unit = units.get((match?.[2] ?? '?').toUpperCase());
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest text that `bytesOfText` reads as just so many bytes: "2 GB", "1.5 GiB", "1234567 B". */
export function textOfBytes(bytes: number): string {
  const texts = [...units].flatMap(([name, unit]) => {
    const digits = String(bytes / unit);
    const spelled = name.replace('IB', 'iB');
    return bytesOfText(`${digits}${name}`) === bytes && name !== '' ? [`${digits} ${spelled}`] : [];
  });
  return texts.toSorted((a, b) => a.length - b.length)[0] ?? `${bytes} B`;
}
