/** The files beside the weights that belong to a model: tokenizer, configuration, licence. */
import { readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { Checkpoint } from '../../formats/checkpoint';
import { recipeRecordName } from './recipeRecord';

export interface SidecarPlan {
  /** Whether the folder is the model's own. */
  readonly ownFolder: boolean;
  /** Names of files to copy, config.json, indexes and the recipe's record not among them: those are written anew. */
  readonly names: readonly string[];
  readonly bytes: number;
  /** Name of the source's index, when it has one. */
  readonly indexName?: string | undefined;
}

/** Weights in any format, whole or in parts: they would contradict the ones that are written. */
const weights = /\.(safetensors|bin|pt|pth|gguf|onnx|onnx_data|h5|msgpack|index\.json)$/i;
/** Files that belong to a model by their names alone, for weights that lie among unrelated files. */
const recognised =
  /^(generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|preprocessor_config|processor_config|chat_template|vocab)\.json$|^(tokenizer|spiece|sentencepiece.*)\.model$|^vocab\.txt$|^merges\.txt$|^chat_template\.jinja$/;

/**
 * A model's own folder gives all its regular files but weights; symbolic links count as what they point to, as in the
 * Hub's cache. Subfolders and hidden files stay behind.
 */
export async function findSidecars(checkpoint: Checkpoint): Promise<SidecarPlan> {
  const { folder, files } = checkpoint;
  const all = await readdir(folder);
  const indexes = all.filter((name) => name.endsWith('.safetensors.index.json'));
  const ownFolder = all.includes('config.json') || indexes.length > 0;
  const names: string[] = [];
  let bytes = 0;
  for (const name of all.sort()) {
    if (name === 'config.json' || name === recipeRecordName || name.startsWith('.') || weights.test(name))
      continue;
    if (!ownFolder && !recognised.test(name)) continue;
    // A link that points nowhere has nothing to carry.
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (!found?.isFile()) continue;
    names.push(name);
    bytes += found.size;
  }
  const stem = path.basename(files[0]!.path).replace(/(-\d+-of-\d+)?\.safetensors$/i, '');
  const own = `${stem}.safetensors.index.json`;
  return {
    ownFolder,
    names,
    bytes,
    indexName: path.basename(checkpoint.path).endsWith('.safetensors.index.json')
      ? path.basename(checkpoint.path)
      : indexes.includes(own)
        ? own
        : indexes.length === 1
          ? indexes[0]
          : undefined,
  };
}
