/** Which tensors lie in which file of a GGUF output, and what the files are called. */
import * as path from 'node:path';
import { LoupeError } from '../../../errors';
import type { Checkpoint, TensorInfo } from '../../../formats/checkpoint';
import type { QuantizeRequest } from '../../../protocol/engineApi';
import { isCopy } from '../../../quant/gguf/fileTypes';
import { bytesIn, inGgufOrder } from '../../../quant/gguf/tensorTypes';
import { leastShardBytes } from '../../../quant/recipe';
import type { TypeDecision } from './ggufTypes';

/** llama.cpp's order; of files that stay apart, and of tensors that are copied, the source's own. */
export function inOutputOrder(checkpoint: Checkpoint, { gguf }: QuantizeRequest): TensorInfo[] {
  if (!gguf?.keepSplit && !isCopy(gguf?.fileType)) return inGgufOrder(checkpoint.tensors);
  return checkpoint.tensors.toSorted((a, b) => a.file - b.file || a.byteOffset - b.byteOffset);
}

/**
 * The tensors of each file: cut anew where a size was asked for, the source's parts where they are kept, else one file. A tensor
 * that is larger than the size gets a file of its own. Throws `usage` for a size below `leastShardBytes`.
 */
export function partsOf(
  { files }: Checkpoint,
  ordered: readonly TensorInfo[],
  { byTensor }: TypeDecision,
  { gguf, maxShardBytes }: QuantizeRequest,
): (readonly TensorInfo[])[] {
  if (maxShardBytes === undefined) {
    if (!gguf?.keepSplit || files.length === 1) return [ordered];
    return files.map((_, file) => ordered.filter((tensor) => tensor.file === file));
  }
  if (!(maxShardBytes >= leastShardBytes))
    throw new LoupeError('usage', `Files have at least ${leastShardBytes} bytes; ${maxShardBytes} is less.`);
  const parts: TensorInfo[][] = [[]];
  let bytes = 0;
  for (const tensor of ordered) {
    const own = bytesIn(byTensor.get(tensor)!.type, tensor);
    if (bytes > 0 && bytes + own > maxShardBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(tensor);
    bytes += own;
  }
  return parts;
}

/** Names of the files: the target's own, or "NAME-00002-of-00003.gguf", counted from 1, as llama.cpp finds parts. */
export function partNames(out: string, count: number): string[] {
  if (count === 1) return [path.basename(out)];
  const stem = path.basename(out).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '');
  const digits = (number: number) => String(number).padStart(5, '0');
  return Array.from({ length: count }, (_, no) => `${stem}-${digits(no + 1)}-of-${digits(count)}.gguf`);
}
