/** The output head of a model whose weight is the embedding's, so that no file holds it. */
import type { Checkpoint } from '../../formats/checkpoint';
import { kindIn } from '../recipe/policy';

/**
 * Names of the module that may take its weight from the token embedding: none where the files hold an output head or no embedding.
 * Loaders make it when the model is built, as a Linear like others. Unless they are told to leave it alone, compressed-tensors
 * looks for its packed weight, and transformers replaces it for bitsandbytes: a list of skipped modules, even an empty one, takes the
 * place of those that it would find by itself (quantizers/base.py `get_modules_to_not_convert`). A name that no module has does
 * no harm. In models of several parts the head lies beside the part that holds the embedding.
 */
export function tiedHeads(checkpoint: Checkpoint): readonly string[] {
  const names = new Set<string>();
  for (const tensor of checkpoint.tensors) {
    const { kind } = kindIn(checkpoint, tensor);
    if (kind === 'head') return [];
    const part =
      /^(.*?)(?:(?:model|transformer|decoder)\.)?(?:embed_tokens|wte|word_embeddings|shared)\.weight$/;
    const found = kind === 'embeddings' ? part.exec(tensor.name) : undefined;
    if (found) names.add('lm_head').add(`${found[1]}lm_head`);
  }
  return [...names];
}
