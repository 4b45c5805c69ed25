/** What an output says about how it was made: the recipe, the very files it was made of, and by which version. */
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { throwIfAborted } from '../../errors';
import type { Checkpoint, CheckpointFile } from '../../formats/checkpoint';
import type { Recipe } from '../../quant/recipe';
import { recipeText } from '../../quant/recipeFile';

/** Beside the weights; it has no time and no path in it, so that the same source and recipe give the same bytes. */
export const recipeRecordName = 'loupe-recipe.json';

/** Files up to this size are hashed whole; of larger ones the header, which names every tensor, and the size stand for them. */
const wholeHashBytes = 256 * 2 ** 20;
const chunkBytes = 4 * 2 ** 20;

/** The record's text. `recipe` is as it was asked for. */
export async function recipeRecord(
  { files }: Checkpoint,
  recipe: Recipe,
  signal: AbortSignal,
): Promise<string> {
  const source = [];
  for (const file of files) source.push(await fileRecord(file, signal));
  const product = { name: 'tensor-loupe', version: await productVersion() };
  return `${JSON.stringify({ product, recipe: JSON.parse(recipeText(recipe)), source }, undefined, 2)}\n`;
}

/** Name, size and SHA-256 of a file, and what of it was hashed. */
async function fileRecord({ path: file, bytes }: CheckpointFile, signal: AbortSignal) {
  const handle = await open(file, 'r');
  try {
    const isWhole = bytes <= wholeHashBytes;
    const end = isWhole ? bytes : await headerEnd(handle, bytes);
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(Math.min(chunkBytes, end));
    for (let at = 0; at < end; ) {
      throwIfAborted(signal);
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return {
      file: path.basename(file),
      bytes,
      sha256: hash.digest('hex'),
      of: isWhole ? 'file' : `first ${end} bytes`,
    };
  } finally {
    await handle.close();
  }
}

/** Where a safetensors header ends: its length is the file's first 8 bytes, and no longer than the file. */
async function headerEnd(handle: Awaited<ReturnType<typeof open>>, bytes: number): Promise<number> {
  const length = Buffer.alloc(8);
  await handle.read(length, 0, 8, 0);
  return Number(
    BigInt(bytes) < length.readBigUInt64LE() + 8n ? BigInt(bytes) : length.readBigUInt64LE() + 8n,
  );
}

/** From the package that the engine's bundle lies in. */
export async function productVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  return String((manifest as { version?: unknown }).version);
}
