/** What must hold for every input whatever: a LoupeError, or tensors whose bytes lie inside their files. */
import { LoupeError } from '../../src/errors';
import { packedProblem } from '../../src/formats/layouts/packedProblem';
import { mapSpans } from '../../src/formats/packedWeight';
import { byteSize, findDtype } from '../../src/numeric/dtypes';
import type { Opened, Target } from './targets';

const mostFindings = 5_000;

/** Opens the bytes; resolves to what is wrong with the outcome, or undefined. */
export async function judge(target: Target, bytes: Uint8Array): Promise<string | undefined> {
  let opened: Opened;
  try {
    opened = await target.open(bytes);
  } catch (thrown) {
    if (!(thrown instanceof LoupeError))
      return `threw ${thrown instanceof Error ? thrown.stack : String(thrown)}`;
    if (thrown.code === 'compute') return `threw what is no fault of a file: ${thrown.message}`;
    if (thrown.byteOffset !== undefined && !(thrown.byteOffset >= 0 && thrown.byteOffset <= bytes.length))
      return `put a fault at offset ${thrown.byteOffset} of ${bytes.length}`;
    return undefined;
  }
  const { findings } = (opened.rest ?? {}) as { findings?: readonly unknown[] };
  if ((findings?.length ?? 0) > mostFindings) return `gave ${findings!.length} findings`;
  for (const tensor of opened.tensors) {
    const {
      name,
      dtype,
      shape,
      file,
      byteOffset,
      bytes: length,
      elements,
      unreadable,
      pieces,
      packed,
    } = tensor;
    const says = (what: string) => `gave tensor ${JSON.stringify(name)} ${what}`;
    const counts = [file, length, elements, ...shape];
    if (counts.some((count) => !Number.isSafeInteger(count) || count < 0)) return says(`of ${counts}`);
    const home = opened.files[file];
    if (!home) return says(`in file ${file}`);
    if (packed) {
      const outside: string[] = [];
      mapSpans(packed, (span) => {
        const end = span.byteOffset + span.bytes;
        if (!(span.byteOffset >= 0 && end <= (opened.files[span.file]?.bytes ?? 0))) outside.push(span.name);
      });
      if (outside.length > 0) return says(`of a piece ${outside[0]} beyond its file`);
      const problem = packedProblem(packed, elements);
      if (problem !== undefined) return says(`whose pieces do not fit: ${problem}`);
    }
    if (unreadable !== undefined || pieces) continue;
    if (!Number.isSafeInteger(byteOffset) || byteOffset < 0 || byteOffset + length > home.bytes)
      return says(`at ${byteOffset} of ${length} bytes in a file of ${home.bytes}`);
    if (shape.reduce((product, size) => product * size, 1) !== elements)
      return says(`of ${elements} elements`);
    const type = findDtype(dtype);
    if (type && byteSize(type, elements) !== length)
      return says(`${dtype} of ${elements} in ${length} bytes`);
  }
  return undefined;
}
