/** Model families by config.json's `model_type`, and the parameters that each one's figures imply. */
import { LoupeError } from '../../errors';
import type { ModelConfig } from '../../formats/modelConfig';
import { ParameterList } from '../parameterList';
import { bart } from './bart';
import { addDecoder, type DecoderTraits, decoder } from './decoder';
import { deepseek } from './deepseek';
import { albert, deberta, electra, modernBert, mpnet } from './encoderKin';
import { bert, distilbert, roberta } from './encoders';
import {
  deepseekExperts,
  gptOssExperts,
  graniteExperts,
  mixtralExperts,
  olmoeExperts,
  qwenExperts,
  routedExperts,
} from './experts';
import { withFamilyDefaults } from './familyDefaults';
import { gemma3nText } from './gemma3n';
import { bloom, falcon, gpt2, gptBigcode, gptj, gptNeo, gptNeox, mpt, opt, phi, phi3Small } from './gpt';
import { headKind } from './heads';
import { deltaNetMixers, mamba2Mixers, shortConvolutions } from './mixers';
import { usuallyNamed } from './otherNames';
import { openElm, searchedLlama } from './searched';
import { jamba, mamba, mamba2 } from './stateSpace';
import { t5 } from './t5';
import { addGemmaVision, clip, vit } from './vision';
import { addLlama4Vision, dinov2, siglip } from './visionKin';
import { llava, mistral3, pixtral, qwen2Vl, qwen3Vl, qwen25Vl } from './visionLanguage';
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
function gemma3Text(config: ModelConfig): ModelConfig {
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

/** Qwen3-Next and Qwen3.5: most layers are gated delta nets, attention has a gate. */
const deltaTraits: DecoderTraits = {
  qkNorm: 'head',
  headWidth: 256,
  gatedQuery: true,
  mixers: deltaNetMixers,
};

/** LFM2 takes two thirds of the stated width, up to a multiple. */
function lfm2Width(config: ModelConfig): number {
  const stated = config.count(['block_ff_dim', 'intermediate_size']);
  if (!config.flag('block_auto_adjust_ff_dim', true)) return stated;
  const multiple = Math.max(1, config.count('block_multiple_of', 256));
  const width = Math.floor(config.number('block_ffn_dim_multiplier', 1) * Math.floor((2 * stated) / 3));
  return Math.ceil(width / multiple) * multiple;
}

const llama4Traits: DecoderTraits = {
  headWidth: 128,
  experts: (config) =>
    routedExperts(config, {
      sharedExperts: 1,
      denseWidth: (dense) => dense.count('intermediate_size_mlp', 16384),
    }),
};

/** Llama 4 with its tower. Source: modeling_llama4.py of transformers. */
function llama4(config: ModelConfig): ParameterList {
  if (!config.has('text_config')) return decoder(config, llama4Traits);
  const text = config.nested('text_config');
  const list = new ParameterList();
  list.under('language_model').addAll(decoder(text, llama4Traits));
  if (config.has('vision_config') && config.className !== 'Llama4ForCausalLM')
    addLlama4Vision(list, config.nested('vision_config'), text.count('hidden_size'));
  return list;
}

/** The first Qwen states twice the width of its feed-forward. Source: modeling_qwen.py in its repositories. */
const qwen: Family = (config) =>
  decoder(config, {
    qkvBias: true,
    outBias: false,
    width: (each) => Math.floor(each.count('intermediate_size') / 2),
  });

/** The text model, whose config may leave its own type to the whole. */
const textAs =
  (type: string): Family =>
  (text) =>
    familyOf(type)!(text);
/** Whole models around a language model of any family: never that language model themselves, or a count would not end. */
const aroundAnyText: ReadonlySet<string> = new Set(['llava', 'llava_next', 'mistral3']);

/** The class says what the whole is; of the text within, it is always the language model with its head. */
const anyText: Family = (text) => {
  const type = text.modelType ?? 'llama';
  const family = aroundAnyText.has(type) ? undefined : familyOf(type);
  if (!family) throw new LoupeError('unsupported', `The language model "${type.slice(0, 60)}" is not known.`);
  return family(text);
};

/** Source: modeling_chatglm.py in its repositories. Its config names the model without the head, and every class has it. */
const chatGlm: Family = (config) => {
  const usual = usuallyNamed(config);
  const bias = config.flag('add_bias_linear', false);
  const list = decoder(usual, { qkvBias: config.flag('add_qkv_bias', bias), outBias: bias, mlpBias: bias });
  if (headKind(config) === 'none')
    list.linear('head', 'output_layer', usual.count('vocab_size'), usual.count('hidden_size'));
  return list;
};

function glm4Moe(config: ModelConfig): ParameterList {
  return decoder(config, {
    qkvBias: false,
    outBias: false,
    ...(config.flag('use_qk_norm', false) ? { qkNorm: 'head' as const } : {}),
    experts: (each) => routedExperts(each, { routerBias: true }),
  });
}

const families: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['llama', withTraits({})],
  ['mistral', withTraits({})],
  ['granite', withTraits({})],
  ['granitemoe', withTraits({ experts: graniteExperts })],
  ['granitemoeshared', withTraits({ experts: graniteExperts })],
  ['granitemoehybrid', withTraits({ experts: graniteExperts, mixers: mamba2Mixers })],
  ['smollm3', withTraits({ tied: true })],
  ['mixtral', withTraits({ experts: mixtralExperts })],
  ['qwen2', withTraits(qwen2Traits)],
  ['qwen2_moe', withTraits({ ...qwen2Traits, experts: qwenExperts })],
  ['qwen3', withTraits({ qkNorm: 'head' })],
  ['qwen3_moe', withTraits({ qkNorm: 'head', experts: qwenExperts })],
  ['qwen3_next', withTraits({ ...deltaTraits, experts: qwenExperts })],
  ['qwen3_5_text', withTraits(deltaTraits)],
  ['qwen3_5_moe_text', withTraits({ ...deltaTraits, experts: qwenExperts })],
  ['gemma', withTraits({ tied: true, headWidth: 256 })],
  ['gemma2', withTraits({ tied: true, headWidth: 256, norms: fourNorms })],
  ['gemma3', gemma3],
  ['gemma3_text', gemma3],
  ['gemma3n_text', gemma3nText],
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
  ['glm', withTraits({ qkvBias: true, outBias: false, headWidth: 128 })],
  ['glm4', withTraits({ qkvBias: true, outBias: false, headWidth: 128, norms: fourNorms })],
  ['glm4_moe', glm4Moe],
  [
    'minimax_m2',
    withTraits({ qkNorm: 'width', experts: (each) => routedExperts(each, { routerBias: true }) }),
  ],
  ['ernie4_5', withTraits({ tied: true })],
  ['ernie4_5_moe', withTraits({ tied: true, experts: (each) => routedExperts(each, { routerBias: true }) })],
  ['seed_oss', withTraits({ qkvBias: true, outBias: false })],
  ['lfm2', withTraits({ tied: true, qkNorm: 'head', mixers: shortConvolutions, width: lfm2Width })],
  ['llama4', llama4],
  ['llama4_text', withTraits(llama4Traits)],
  ['qwen', qwen],
  ['qwen2_vl', (config) => qwen2Vl(config, textAs('qwen2'))],
  ['qwen2_5_vl', (config) => qwen25Vl(config, textAs('qwen2'))],
  ['qwen3_vl', (config) => qwen3Vl(config, textAs('qwen3'))],
  ['qwen3_vl_moe', (config) => qwen3Vl(config, textAs('qwen3_moe'))],
  ['llava', (config) => llava(config, anyText)],
  ['llava_next', (config) => llava(config, anyText)],
  ['mistral3', (config) => mistral3(config, anyText)],
  ['pixtral', pixtral],
  ['chatglm', chatGlm],
  ['baichuan', withTraits({})],
  ['internlm', (config) => decoder(config.withDefaults({ attention_bias: config.flag('bias', true) }))],
  ['exaone', (config) => decoder(usuallyNamed(config))],
  ['dbrx', (config) => decoder(usuallyNamed(config), { experts: (each) => routedExperts(each) })],
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
  ['codegen', gptj],
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
  ['albert', albert],
  ['electra', electra],
  ['mpnet', mpnet],
  ['deberta-v2', deberta],
  ['modernbert', modernBert],
  ['t5', t5],
  ['mt5', (config) => t5(config.withDefaults({ tie_word_embeddings: false }))],
  ['bart', bart],
  ['mbart', bart],
  ['m2m_100', bart],
  ['vit', vit],
  ['clip', clip],
  ['clip_text_model', clip],
  ['clip_vision_model', clip],
  ['siglip', siglip],
  ['siglip_text_model', siglip],
  ['siglip_vision_model', siglip],
  ['dinov2', dinov2],
  ['whisper', whisper],
  ['mamba', mamba],
  ['falcon_mamba', (config) => mamba(config.withDefaults({ tie_word_embeddings: false }))],
  ['mamba2', mamba2],
  ['jamba', jamba],
]);

/** The families that are counted exactly, by `model_type`. */
export const familyNames: readonly string[] = [...families.keys()];

/** Whether models of a known family are mixtures of experts. */
export const hasExperts = (name: string): boolean =>
  /moe|mixtral|deepseek|kimi|gpt_oss|qwen3_next|jamba|dbrx|llama4/.test(name);

/** Later ones of a line, which are built like its latest that is known. */
const successors: readonly (readonly [RegExp, string])[] = [
  [/^phi-?[4-9]/, 'phi3'],
  [/^olmo-?[3-9]/, 'olmo2'],
];

/** The known family whose name a `model_type` begins with: "qwen2" for "qwen2_omni"; undefined where there is none. */
export function nearestFamily(modelType: string | undefined): string | undefined {
  const successor = successors.find(([pattern]) => pattern.test(modelType ?? ''));
  if (successor) return successor[1];
  const fits = familyNames.filter((name) => name.length > 2 && modelType?.startsWith(name));
  return fits.sort((a, b) => b.length - a.length)[0];
}

/** The family's function, which fills in what configs leave out; undefined for one that is not known. */
export function familyOf(modelType: string | undefined): Family | undefined {
  const family = modelType === undefined ? undefined : families.get(modelType);
  return family && ((config) => family(withFamilyDefaults(config)));
}

/** Of a model of several towers the config of the one that writes, under the usual names and with its family's defaults. */
export function languageModel(config: ModelConfig): ModelConfig {
  const nested = textConfigs.find((name) => config.has(name));
  if (config.modelType === 'gemma3' || config.modelType === 'gemma3_text') return gemma3Text(config);
  const own = nested === undefined ? config : config.nested(nested);
  const named = families.has(own.modelType ?? '') && !renamed.has(own.modelType!) ? own : usuallyNamed(own);
  return withFamilyDefaults(named);
}

/** Where configs of several towers describe the language model. */
export const textConfigs: readonly string[] = ['text_config', 'llm_config', 'language_config'];

/** Families whose configs have names of their own for the usual figures. */
const renamed: ReadonlySet<string> = new Set(['chatglm', 'exaone', 'dbrx']);
