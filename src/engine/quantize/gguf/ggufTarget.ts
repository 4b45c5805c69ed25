/** Where a GGUF output is written. */
import * as path from 'node:path';
import type { Checkpoint } from '../../../formats/checkpoint';
import type { QuantizeRequest } from '../../../protocol/engineApi';
import { isCopy } from '../../../quant/gguf/fileTypes';
import { assertPlainFile } from '../outputFiles';
import { outputSuffix } from '../plan';

/** A type at the end of a model's name, with what sets it off: "-f16", ".Q4_K_M". */
const typeEnding = /([-._])(?:b?f16|f32|i?q\d\w*|tq\d_0|mxfp4(?:_moe)?)$/i;
const partEnding = /-\d{5}-of-\d{5}$/;

/**
 * A file beside the source, the file that was asked for, or one of the source's name in the folder that was; a name that ends in
 * another type gets the new one in its place.
 */
export function ggufTarget(
  { files, folder }: Checkpoint,
  request: QuantizeRequest,
  fileType: string,
  modelName?: string,
): string {
  // A model of several files is called as its folder is, and its GGUF file lies beside that.
  const source = modelName === undefined ? files[0]!.path : `${folder}.gguf`;
  const stem = path
    .basename(source)
    .replace(/\.gguf$/i, '')
    .replace(partEnding, '');
  const separator = typeEnding.exec(stem)?.[1] ?? '-';
  const suffix = request.recipe ? outputSuffix(request) : fileType;
  const name = isCopy(fileType)
    ? `${stem}.gguf`
    : `${stem.replace(typeEnding, '')}${separator}${suffix}.gguf`;
  if (request.out === undefined) return path.resolve(path.dirname(source), name);
  return path.resolve(/\.gguf$/i.test(request.out) ? request.out : path.join(request.out, name));
}

/** Throws `exists` or `refused` unless each of the files may be written. */
export async function assertGgufTarget(
  out: string,
  names: readonly string[],
  checkpoint: Checkpoint,
  overwrite: boolean,
): Promise<void> {
  for (const name of names) await assertPlainFile(path.join(path.dirname(out), name), checkpoint, overwrite);
}
