/** Families that can become a GGUF file, by config.json's model_type. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import { bert, distilbert } from './bert';
import type { GgufFamily } from './family';
import { gemma2, gemma3 } from './gemma';
import { gpt2 } from './gpt2';
import { llama, qwen2, qwen2moe, qwen3, qwen3moe } from './llamaLike';
import { phi3 } from './phi3';

const families: ReadonlyMap<string, GgufFamily> = new Map([
  ['llama', llama],
  ['mistral', llama],
  ['mixtral', llama],
  ['qwen2', qwen2],
  ['qwen2_moe', qwen2moe],
  ['qwen3', qwen3],
  ['qwen3_moe', qwen3moe],
  ['gemma2', gemma2],
  ['gemma3', gemma3],
  ['gemma3_text', gemma3],
  ['phi3', phi3],
  ['gpt2', gpt2],
  ['bert', bert],
  ['distilbert', distilbert],
]);

/** By model_type. */
const convertibleFamilies: readonly string[] = [...families.keys()];

/** Throws `unsupported`, listing what can be converted. */
export function familyOf(config: ModelConfig): GgufFamily {
  const { modelType } = config;
  const found = modelType === undefined ? undefined : families.get(modelType);
  if (found) return found;
  const what =
    modelType === undefined
      ? 'The config names no model_type'
      : `Models of type "${modelType}" cannot be converted`;
  throw new LoupeError(
    'unsupported',
    `${what}; these can: ${convertibleFamilies.join(', ')}. For others llama.cpp has its own converter.`,
  );
}
