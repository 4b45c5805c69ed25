/** Converts made-up models, of which only names and shapes are there. */
import type { SourceTensor, TensorMaking } from '../../../src/convert/convertedTensor';
import { type ConvertedModel, convertModel } from '../../../src/convert/convertModel';
import type { TokenizerFiles } from '../../../src/convert/tokenizer/tokenizerFiles';

export type Json = Record<string, unknown>;

/** Values by key, as plain as a parser of GGUF gives them. */
export function plain(model: ConvertedModel): Map<string, unknown> {
  return new Map(
    model.metadata.map(({ key, value }) => [key, 'values' in value ? value.values : value.value]),
  );
}

export const making = (model: ConvertedModel, name: string): TensorMaking | undefined =>
  model.tensors.find((tensor) => tensor.name === name)?.making;

/** A small vocabulary of byte pairs with a way to cut text. */
export function tokenizer(preTokenizer: Json, model: Json = {}): Json {
  return {
    pre_tokenizer: preTokenizer,
    model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'], ...model },
    added_tokens: [{ id: 3, content: '<|end|>', special: true }],
  };
}
export const gpt2Words = { type: 'ByteLevel', use_regex: true };
export const config: Json = {
  model_type: 'llama',
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  vocab_size: 5,
  rms_norm_eps: 1e-5,
};
export const embedding = { name: 'model.embed_tokens.weight', shape: [5, 8] };
export const convert = (
  files: Partial<TokenizerFiles>,
  tensors: readonly SourceTensor[] = [embedding],
): Promise<ConvertedModel> =>
  convertModel({
    name: 'made',
    files: { config, tokenizerJson: tokenizer(gpt2Words), ...files },
    tensors,
  });
