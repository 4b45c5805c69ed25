/** Model families by config.json's `model_type`, and the parameters that each one's figures imply. */
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { bart } from './bart';
import { addDecoder, type DecoderTraits, decoder } from './decoder';
import { deepseek } from './deepseek';
import { bert, distilbert, roberta } from './encoders';
import { deepseekExperts, gptOssExperts, mixtralExperts, olmoeExperts, qwenExperts } from './experts';
import { bloom, falcon, gpt2, gptBigcode, gptj, gptNeo, gptNeox, mpt, opt, phi, phi3Small } from './gpt';
import { openElm, searchedLlama } from './searched';
import { jamba, mamba, mamba2 } from './stateSpace';
import { t5 } from './t5';
import { addGemmaVision, clip, vit } from './vision';
import { whisper } from './whisper';

type Family = (config: ModelConfig) => ParameterList;

const withTraits =
  (traits: DecoderTraits): Family =>
  (config) =>
    decoder(config, traits);

const fourNorms = [
  'input_layernorm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'post_feedforward_layernorm',
];
const qwen2Traits: DecoderTraits = { qkvBias: true, outBias: false };
const gemma3Traits: DecoderTraits = { tied: true, headWidth: 256, norms: fourNorms, qkNorm: 'head' };

/** What Gemma3TextConfig takes for figures that are not written down. */
const gemma3Defaults = {
  vocab_size: 262208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
};

/** The text model within a Gemma 3 that sees, or the config itself. */
export function gemma3Text(config: ModelConfig): ModelConfig {
  return (config.has('text_config') ? config.nested('text_config') : config).withDefaults(gemma3Defaults);
}

function gemma3(config: ModelConfig): ParameterList {
  if (!config.has('text_config')) return decoder(config.withDefaults(gemma3Defaults), gemma3Traits);
  const list = new ParameterList();
  const text = gemma3Text(config);
  addDecoder(list.under('language_model'), text, gemma3Traits, 'model');
  if (config.has('vision_config'))
    addGemmaVision(list, config.nested('vision_config'), text.count('hidden_size'));
  return list;
}

function stablelm(config: ModelConfig): ParameterList {
  const isParallel = config.flag('use_parallel_residual', false);
  return decoder(config, {
    qkvBias: config.flag('use_qkv_bias', false),
    outBias: false,
    normBias: true,
    ...(isParallel ? { norms: ['input_layernorm'] } : {}),
  });
}

function starcoder2(config: ModelConfig): ParameterList {
  const bias = config.flag('use_bias', true);
  const traits = { qkvBias: bias, outBias: bias, mlpBias: bias, normBias: true, plainMlp: true };
  return decoder(config, { ...traits, tied: true });
}

function cohere(config: ModelConfig): ParameterList {
  const hasQueryNorm = config.flag('use_qk_norm', false);
  const traits: DecoderTraits = { tied: true, norms: ['input_layernorm'] };
  return decoder(config, hasQueryNorm ? { ...traits, qkNorm: 'width' } : traits);
}

const families: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['llama', withTraits({})],
  ['mistral', withTraits({})],
  ['granite', withTraits({})],
  ['smollm3', withTraits({ tied: true })],
  ['mixtral', withTraits({ experts: mixtralExperts })],
  ['qwen2', withTraits(qwen2Traits)],
  ['qwen2_moe', withTraits({ ...qwen2Traits, experts: qwenExperts })],
  ['qwen3', withTraits({ qkNorm: 'head' })],
  ['qwen3_moe', withTraits({ qkNorm: 'head', experts: qwenExperts })],
  ['gemma', withTraits({ tied: true, headWidth: 256 })],
  ['gemma2', withTraits({ tied: true, headWidth: 256, norms: fourNorms })],
  ['gemma3', gemma3],
  ['gemma3_text', gemma3],
  ['phi3', withTraits({ isFused: true })],
  ['phi', phi],
  ['phi3small', phi3Small],
  [
    'phimoe',
    withTraits({ qkvBias: true, outBias: true, normBias: true, headBias: true, experts: mixtralExperts }),
  ],
  [
    'gpt_oss',
    withTraits({ qkvBias: true, outBias: true, sinks: true, headWidth: 64, experts: gptOssExperts }),
  ],
  ['olmo', withTraits({ hasNoNorms: true })],
  [
    'olmo2',
    withTraits({ qkNorm: 'width', norms: ['post_attention_layernorm', 'post_feedforward_layernorm'] }),
  ],
  ['olmoe', withTraits({ qkNorm: 'width', experts: olmoeExperts })],
  ['cohere', cohere],
  ['cohere2', cohere],
  ['stablelm', stablelm],
  ['starcoder2', starcoder2],
  ['internlm2', withTraits({})],
  ['openelm', openElm],
  ['deci', searchedLlama],
  ['nemotron-nas', searchedLlama],
  ['deepseek', withTraits({ experts: deepseekExperts })],
  ['deepseek_v2', deepseek],
  ['deepseek_v3', deepseek],
  ['kimi_k2', deepseek],
  ['gpt2', gpt2],
  ['gpt_bigcode', gptBigcode],
  ['gptj', gptj],
  ['gpt_neo', gptNeo],
  ['gpt_neox', gptNeox],
  ['falcon', falcon],
  ['RefinedWebModel', falcon],
  ['RefinedWeb', falcon],
  ['opt', opt],
  ['bloom', bloom],
  ['mpt', mpt],
  ['bert', bert],
  ['distilbert', distilbert],
  ['roberta', roberta],
  ['xlm-roberta', roberta],
  ['camembert', roberta],
  ['t5', t5],
  ['mt5', (config) => t5(config.withDefaults({ tie_word_embeddings: false }))],
  ['bart', bart],
  ['mbart', bart],
  ['vit', vit],
  ['clip', clip],
  ['clip_text_model', clip],
  ['clip_vision_model', clip],
  ['whisper', whisper],
  ['mamba', mamba],
  ['falcon_mamba', (config) => mamba(config.withDefaults({ tie_word_embeddings: false }))],
  ['mamba2', mamba2],
  ['jamba', jamba],
]);

/** The families that are counted exactly, by `model_type`. */
export const familyNames: readonly string[] = [...families.keys()];

/** Later ones of a line, which are built like its latest that is known. */
const successors: readonly (readonly [RegExp, string])[] = [
  [/^phi-?[4-9]/, 'phi3'],
  [/^olmo-?[3-9]/, 'olmo2'],
];

/** The known family whose name a `model_type` begins with: "qwen2" for "qwen2_5_vl"; undefined where there is none. */
export function nearestFamily(modelType: string | undefined): string | undefined {
  const successor = successors.find(([pattern]) => pattern.test(modelType ?? ''));
  if (successor) return successor[1];
  const fits = familyNames.filter((name) => name.length > 2 && modelType?.startsWith(name));
  return fits.sort((a, b) => b.length - a.length)[0];
}

/** The family's function; undefined for one that is not known. */
export function familyOf(modelType: string | undefined): Family | undefined {
  return modelType === undefined ? undefined : families.get(modelType);
}
