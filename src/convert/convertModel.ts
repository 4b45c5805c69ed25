/** Plans a GGUF file from a Hugging Face model: its keys, its tensors, and what each of them is made of. Reads no weights. */
import { LoupeError } from '../errors';
import { ModelConfig } from '../formats/modelConfig';
import type { ConvertedTensor, SourceTensor, TensorMaking } from './convertedTensor';
import { withFamilyDefaults } from './families/defaults';
import { familyOf } from './families/families';
import type { ExpertRows, GgufFamily, TensorTarget } from './families/family';
import { type GgufMetadataEntry, MetadataList } from './metadataList';
import { addedTokensOf } from './tokenizer/bytePair';
import type { TokenizerFiles } from './tokenizer/tokenizerFiles';
import { tokenizerMetadata } from './tokenizer/tokenizerMetadata';

export interface ConvertedModel {
  readonly architecture: string;
  /** Without general.file_type and general.quantization_version, which tell of the types. */
  readonly metadata: readonly GgufMetadataEntry[];
  readonly tensors: readonly ConvertedTensor[];
  /** Names of tensors that llama.cpp does not read. */
  readonly skipped: readonly string[];
  /** What llama.cpp will do otherwise, as sentences. */
  readonly warnings: readonly string[];
}

export interface ConvertibleModel {
  /** For general.name. */
  readonly name: string;
  readonly files: TokenizerFiles;
  readonly tensors: readonly SourceTensor[];
}

/**
 * Throws `unsupported` for an architecture, a tokenizer or a tensor that is not known, before any work is done; `malformed`
 * where the files contradict each other.
 */
export async function convertModel(model: ConvertibleModel): Promise<ConvertedModel> {
  const { family, config, tensors, skipped, rows } = convertTensors(model);
  const own = new MetadataList(family.architecture);
  family.hyperparameters(own, config);
  const scores = tensors.find(({ name }) => name === 'cls.output.weight')?.shape[0];
  if (family.pools) own.u32('pooling_type', poolingType(model.files.pooling) ?? (scores && ranks));
  if (scores) own.list('string', 'classifier.output_labels', labelsOf(config, scores));
  const tokenizer = await tokenizerMetadata(model.files, rows);
  const added = new MetadataList('tokenizer.ggml');
  family.tokenizer?.(added, config);
  const stated = new Set(tokenizer.map(({ key }) => key));
  return {
    architecture: family.architecture,
    metadata: [
      ...general(family, model, tensors),
      ...own.entries,
      ...tokenizer,
      ...added.entries.filter(({ key }) => !stated.has(key)),
    ],
    tensors,
    skipped,
    warnings: family.warnings?.(config) ?? [],
  };
}

/** llama.cpp's number of the way in which one vector is made of many (llama.h, llama_pooling_type). */
function poolingType(pooling: TokenizerFiles['pooling']): number | undefined {
  if (!pooling) return undefined;
  if (pooling.pooling_mode_mean_tokens === true) return 1;
  if (pooling.pooling_mode_cls_token === true) return 2;
  if (pooling.pooling_mode_lasttoken === true) return 3;
  const named = ['mean', 'cls', 'lasttoken'].indexOf(String(pooling.pooling_mode));
  if (named >= 0) return named + 1;
  throw new LoupeError(
    'unsupported',
    "The model makes one vector of a text's many in a way that llama.cpp does not know; it knows the mean, the first and the last.",
  );
}

/** llama.cpp's number of the way in which a text gets scores: those of a classifier. */
const ranks = 4;

/** What each score is of; without these llama.cpp takes it that there is one score. */
function labelsOf(config: ModelConfig, scores: number): string[] {
  const labels = config.nested('id2label');
  return Array.from({ length: scores }, (_, at) => labels.text(String(at)) ?? `LABEL_${at}`);
}

/** Models that also see keep the language model's figures one level down. */
function languageConfig(config: ModelConfig): ModelConfig {
  const { modelType } = config;
  if (!config.has('text_config')) return config;
  return config.nested('text_config').withDefaults({ model_type: modelType });
}

function general(
  { architecture }: GgufFamily,
  { name }: ConvertibleModel,
  tensors: readonly ConvertedTensor[],
): readonly GgufMetadataEntry[] {
  const list = new MetadataList('general');
  list.text('architecture', architecture);
  list.text('type', 'model');
  list.text('name', name);
  const parameters = tensors.reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  list.text('size_label', sizeLabel(parameters));
  return list.entries;
}

/** "8B", "3.3M": at least two digits, as GGUF's naming convention has it. */
export function sizeLabel(parameters: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ];
  const [unit, letter] = steps.find(([size]) => parameters > size) ?? [1e3, 'K'];
  const scaled = parameters / unit;
  const digits = Math.round(scaled) === 0 ? 0 : String(Math.round(scaled)).length;
  return `${scaled.toFixed(Math.max(2 - digits, 0))}${letter}`;
}

export interface ConvertedTensors {
  readonly family: GgufFamily;
  readonly config: ModelConfig;
  readonly tensors: readonly ConvertedTensor[];
  readonly skipped: readonly string[];
  /** Of the embedding, as it is written. */
  readonly rows: number;
}

/** The tensors alone, for which no tokenizer is needed. Throws as `convertModel` does. */
export function convertTensors({
  tensors: sources,
  files,
}: Pick<ConvertibleModel, 'tensors' | 'files'>): ConvertedTensors {
  const config = withFamilyDefaults(languageConfig(new ModelConfig(files.config)));
  const family = familyOf(config);
  const skipped: string[] = [];
  const tensors: ConvertedTensor[] = (family.extra?.(config) ?? []).map(({ name, values }) => ({
    name,
    shape: [values.length],
    making: { kind: 'given', values },
    isAlwaysF32: true,
  }));
  const experts = new Map<string, ExpertGroup>();
  const made = new Map<string, string>();
  let rows = 0;
  for (const source of sources) {
    const targets = family.target(source.name, config);
    if (targets === 'skip') {
      skipped.push(source.name);
      continue;
    }
    if (!targets) {
      throw new LoupeError(
        'unsupported',
        `${source.name} is no tensor that a ${family.architecture} of llama.cpp has: it would be lost.`,
        { tensor: source.name },
      );
    }
    // Rows of such a tensor would be counted without a byte behind them.
    if (source.shape.includes(0))
      throw new LoupeError(
        'malformed',
        `${source.name} is [${source.shape.join(', ')}] and holds no values; llama.cpp loads no such tensor.`,
        { tensor: source.name },
      );
    for (const target of isList(targets) ? targets : [targets]) {
      const { name } = target;
      const other = made.get(name);
      const isExpert = target.expert !== undefined;
      if (other !== undefined && !(isExpert && experts.has(name)))
        throw new LoupeError('malformed', `${source.name} and ${other} would both become ${name}.`, {
          tensor: source.name,
        });
      made.set(name, source.name);
      if (isExpert) {
        // The stack stands where its first expert was.
        if (!experts.has(name)) tensors.push(placeholder(name));
        collectExpert(experts, target, source);
        continue;
      }
      const tensor = convertTensor(source, target, family, files);
      if (target.isEmbedding) rows = tensor.shape[0] ?? 0;
      tensors.push(tensor);
    }
  }
  if (rows === 0) throw new LoupeError('malformed', 'The model has no embedding of tokens.');
  return {
    family,
    config,
    tensors: tensors.map((tensor) =>
      experts.has(tensor.name) ? stacked(tensor.name, experts.get(tensor.name)!) : tensor,
    ),
    skipped,
    rows,
  };
}

/** Of what may be one or a list of them. */
const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value);

const placeholder = (name: string): ConvertedTensor => ({
  name,
  shape: [],
  making: { kind: 'stack', sources: [] },
  isAlwaysF32: false,
});

interface ExpertGroup {
  readonly shape: readonly number[];
  readonly sources: Map<number, string>;
}

function collectExpert(groups: Map<string, ExpertGroup>, target: TensorTarget, source: SourceTensor): void {
  const group = groups.get(target.name) ?? { shape: source.shape, sources: new Map<number, string>() };
  groups.set(target.name, group);
  if (group.shape.join() !== source.shape.join())
    throw new LoupeError('malformed', `${source.name} has another shape than the experts beside it.`, {
      tensor: source.name,
    });
  group.sources.set(target.expert!, source.name);
}

/** Throws `malformed` where an expert is missing. */
function stacked(name: string, { shape, sources }: ExpertGroup): ConvertedTensor {
  const ordered = Array.from({ length: sources.size }, (_, at) => {
    const source = sources.get(at);
    if (source === undefined)
      throw new LoupeError('malformed', `Expert ${at} of ${name} is missing.`, {
        tensor: [...sources.values()][0],
      });
    return source;
  });
  return {
    name,
    shape: [sources.size, ...shape],
    making: { kind: 'stack', sources: ordered },
    isAlwaysF32: false,
  };
}

function convertTensor(
  { name: source, shape }: SourceTensor,
  target: TensorTarget,
  family: GgufFamily,
  files: TokenizerFiles,
): ConvertedTensor {
  const { name } = target;
  const isAlwaysF32 = shape.length <= 1 || keptWide.test(name);
  const as = (making: TensorMaking, ownShape = shape): ConvertedTensor => ({
    name,
    shape: ownShape,
    making,
    isAlwaysF32,
  });
  if (target.experts) {
    const { making, shape: own } = expertRows(source, shape, target.experts);
    return as(making, own);
  }
  if (target.isTransposed) return as({ kind: 'transpose', source }, shape.toReversed());
  if (target.addend !== undefined) return as({ kind: 'add', source, addend: target.addend });
  if (target.pairedHeads !== undefined) {
    const heads = target.pairedHeads;
    const rows = shape[0] ?? 0;
    if (heads < 1 || rows % (2 * heads) !== 0)
      throw new LoupeError(
        'malformed',
        `${source} has ${rows} rows, which are no ${heads} heads of even width.`,
        {
          tensor: source,
        },
      );
    return as({ kind: 'pair-rows', source, heads });
  }
  const tokens = target.isEmbedding && family.cutsEmbedding ? tokenCount(files) : undefined;
  if (tokens !== undefined && tokens < (shape[0] ?? 0))
    return as({ kind: 'first-rows', source }, [tokens, ...shape.slice(1)]);
  return as({ kind: 'copy', source });
}

/** Throws `malformed` where the shape is not that of experts of the model's width. */
function expertRows(
  source: string,
  shape: readonly number[],
  { part, parts, width, isColumns }: ExpertRows,
): Pick<ConvertedTensor, 'making' | 'shape'> {
  const [experts = 0, first = 0, second = 0] = shape;
  const isTransposed = (isColumns ? second : first) !== width;
  const [rows, columns] = isTransposed ? [second, first] : [first, second];
  if (shape.length !== 3 || (isColumns ? columns : rows) !== width || rows % parts !== 0)
    throw new LoupeError(
      'malformed',
      `${source} is [${shape.join(', ')}], and should be experts with a dimension of the model's ${width}.`,
      { tensor: source },
    );
  const own = [experts, rows / parts, columns];
  if (parts === 1 && !isTransposed) return { making: { kind: 'copy', source }, shape: own };
  return {
    making: { kind: 'expert-rows', source, firstRow: (part * rows) / parts, isTransposed },
    shape: own,
  };
}

/** Names whose tensors stay in F32 although they are matrices. */
const keptWide = /_norm\.weight$|^position_embd\.|^token_types\.|\.ffn_gate_inp(?:_shexp)?\.weight$|\.bias$/;

/** Tokens of a tokenizer.json; a tokenizer.model is padded to the rows instead. */
function tokenCount({ tokenizerJson, sentencePiece }: TokenizerFiles): number | undefined {
  if (sentencePiece || !tokenizerJson) return undefined;
  const vocab = (tokenizerJson.model as { vocab?: unknown } | undefined)?.vocab;
  // Pieces of Unigram are a list, others have their numbers beside them.
  const vocabulary = Array.isArray(vocab)
    ? [...vocab.keys()]
    : typeof vocab === 'object' && vocab !== null
      ? Object.values(vocab)
      : [];
  const ids = [...vocabulary, ...addedTokensOf(tokenizerJson).map(({ id }) => id)];
  return ids.reduce<number>((most, id) => (typeof id === 'number' ? Math.max(most, id + 1) : most), 0);
}
