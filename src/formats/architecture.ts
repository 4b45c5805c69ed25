/** What kind of model it is, from config.json or from GGUF's metadata. */
import type { Architecture, MetadataEntry } from './checkpoint';
import { asRecord } from './jsonSidecar';

type Config = Readonly<Record<string, unknown>>;

/** The names that model families use in config.json for the same figure, the commonest first. */
const configAliases = {
  layers: ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers', 'num_decoder_layers'],
  hiddenSize: ['hidden_size', 'n_embd', 'd_model', 'dim', 'hidden_dim'],
  heads: ['num_attention_heads', 'n_head', 'n_heads', 'num_heads'],
  kvHeads: ['num_key_value_heads', 'n_kv_heads', 'num_kv_heads', 'multi_query_group_num'],
  vocabulary: ['vocab_size', 'n_vocab', 'padded_vocab_size'],
  contextLength: [
    'max_position_embeddings',
    'n_positions',
    'n_ctx',
    'max_seq_len',
    'seq_length',
    'max_sequence_length',
  ],
} as const;

/** Multimodal configs keep the language model's figures one level down. */
const nestedConfigs = ['text_config', 'llm_config', 'language_config', 'decoder'];

/** From config.json; undefined when it names neither a class nor a model type. */
export function architectureFromConfig(config: Config): Architecture | undefined {
  const classes = ownValue(config, 'architectures');
  const names = [Array.isArray(classes) ? classes[0] : undefined, ownValue(config, 'model_type')];
  const name = names.find((candidate) => typeof candidate === 'string' && candidate !== '');
  if (typeof name !== 'string') return undefined;
  const places = [config, ...nestedConfigs.map((key) => asRecord(ownValue(config, key)))];
  const figure = (aliases: readonly string[]): number | undefined => {
    for (const place of places) {
      for (const alias of aliases) {
        const value = place && count(ownValue(place, alias));
        if (value !== undefined) return value;
      }
    }
    return undefined;
  };
  return withFigures(name, {
    layers: figure(configAliases.layers),
    hiddenSize: figure(configAliases.hiddenSize),
    heads: figure(configAliases.heads),
    kvHeads: figure(configAliases.kvHeads),
    vocabulary: figure(configAliases.vocabulary),
    contextLength: figure(configAliases.contextLength),
  });
}

/**
 * From adapter_config.json (peft): "LoRA r=16 on Llama-3-8B". Undefined when it names no kind of adapter. `config` is the
 * base model's, where it lies beside.
 */
export function architectureFromAdapter(
  adapter: Config,
  config: Config | undefined,
): Architecture | undefined {
  const kind = ownValue(adapter, 'peft_type');
  if (typeof kind !== 'string' || kind === '') return undefined;
  const base = ownValue(adapter, 'base_model_name_or_path');
  const rank = count(ownValue(adapter, 'r'));
  const words = [
    kind === 'LORA' ? 'LoRA' : kind,
    ...(rank === undefined ? [] : [`r=${rank}`]),
    // A path or a Hub name: its last part is the model's.
    ...(typeof base === 'string' && base !== ''
      ? [`on ${base.split(/[\\/]/).filter(Boolean).at(-1) ?? base}`]
      : []),
  ];
  const { name: _, ...figures } = (config && architectureFromConfig(config)) ?? { name: '' };
  return withFigures(words.join(' '), figures);
}

/** From GGUF metadata: `general.architecture`, then `<architecture>.block_count` and its siblings. */
export function architectureFromMetadata(metadata: readonly MetadataEntry[]): Architecture | undefined {
  const values = new Map(metadata.map(({ key, value }) => [key, value]));
  const name = values.get('general.architecture');
  if (typeof name !== 'string' || name === '') return undefined;
  const figure = (key: string) => count(values.get(`${name}.${key}`));
  const tokens = values.get('tokenizer.ggml.tokens');
  return withFigures(name, {
    layers: figure('block_count'),
    hiddenSize: figure('embedding_length'),
    heads: figure('attention.head_count'),
    kvHeads: figure('attention.head_count_kv'),
    vocabulary: figure('vocab_size') ?? (typeof tokens === 'object' ? tokens.length : undefined),
    contextLength: figure('context_length'),
  });
}

function withFigures(name: string, figures: Omit<Architecture, 'name'>): Architecture {
  const known = Object.entries(figures).filter(([, value]) => value !== undefined);
  // A class name can be as long as the file; what is shown is not.
  return { name: name.slice(0, 200), ...Object.fromEntries(known) };
}

/** Own properties only: a config may name a key like "constructor". */
function ownValue(config: Config, key: string): unknown {
  return Object.hasOwn(config, key) ? config[key] : undefined;
}

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
