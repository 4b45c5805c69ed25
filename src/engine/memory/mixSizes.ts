/** What a model's weights take as a GGUF file under each mix, from headers and the config alone. */

import type { SourceTensor } from '../../convert/convertedTensor';
import { convertTensors } from '../../convert/convertModel';
import { MetadataList } from '../../convert/metadataList';
import { LoupeError } from '../../errors';
import { languageModel } from '../../estimate/families/families';
import { configDtype } from '../../estimate/memorySource';
import { modelParameters } from '../../estimate/modelParameters';
import type { SchemeSize } from '../../estimate/types';
import type { Checkpoint, MetadataEntry } from '../../formats/checkpoint';
import { ModelConfig } from '../../formats/modelConfig';
import { ggufFileTypes } from '../../quant/gguf/fileTypes';
import { type FactValue, type ModelFacts, modelFacts } from '../../quant/gguf/modelFacts';
import { bytesIn, type GgufTensor, inGgufOrder, planTypes } from '../../quant/gguf/tensorTypes';

/** A tensor of the file, and whether it is F32 whatever the mix. */
type MixedTensor = GgufTensor & { readonly isAlwaysF32: boolean };

interface GgufModel {
  readonly tensors: readonly MixedTensor[];
  readonly facts: ModelFacts;
}

export interface MixSizes {
  readonly sizes: readonly SchemeSize[];
  /** Why there are none. */
  readonly reason?: string | undefined;
}

/**
 * Bytes of tensors, not of the file. None for models that llama.cpp does not run, with the reason. Mixes that need an importance
 * matrix are among them.
 */
export const mixSizes = (checkpoint: Checkpoint): MixSizes => sizesOf(() => asGguf(checkpoint));

/** The same of a model that is not there, of which each layer is like the next. */
export const configMixSizes = (fields: Readonly<Record<string, unknown>>): MixSizes =>
  sizesOf(() => converted(modelTensors(fields), fields));

function sizesOf(read: () => GgufModel): MixSizes {
  let model: GgufModel;
  try {
    model = read();
  } catch (thrown) {
    return { sizes: [], reason: LoupeError.from(thrown).message };
  }
  const { tensors, facts } = model;
  const elements = tensors.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const sizes: SchemeSize[] = [];
  for (const fileType of ggufFileTypes) {
    try {
      const planned = planTypes(fileType, tensors, facts, { pure: false, hasImportance: false });
      let [bytes, quantized] = [0, 0];
      for (const [i, tensor] of tensors.entries()) {
        const type = tensor.isAlwaysF32 ? 'F32' : planned[i]!.type;
        bytes += bytesIn(type, tensor);
        if (type !== tensor.dtype) quantized++;
      }
      sizes.push({
        scheme: `gguf:${fileType.name.toLowerCase()}`,
        label: fileType.name,
        family: 'ggml',
        bytes,
        bitsPerWeight: elements === 0 ? 0 : (8 * bytes) / elements,
        quantized,
        refused: 0,
      });
    } catch {
      // Rows that fill no blocks of any type that the mix could take: the file cannot be written so.
    }
  }
  return { sizes };
}

function asGguf(checkpoint: Checkpoint): GgufModel {
  const { format, tensors, metadata, config } = checkpoint;
  if (format === 'gguf') {
    const values = new Map(metadata.map(({ key, value }) => [key, value]));
    const stored = tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape, isAlwaysF32: false }));
    return { tensors: inGgufOrder(stored), facts: modelFacts((key) => factOf(values.get(key))) };
  }
  if (format !== 'safetensors' || config === undefined)
    throw new LoupeError('unsupported', 'GGUF files are made of safetensors models with a config.json.');
  return converted(tensors, config);
}

type TypedTensor = SourceTensor & { readonly dtype: string };

function converted(tensors: readonly TypedTensor[], config: Readonly<Record<string, unknown>>): GgufModel {
  const model = convertTensors({ tensors, files: { config } });
  const list = new MetadataList(model.family.architecture);
  model.family.hyperparameters(list, model.config);
  const facts = new Map<string, FactValue>([['general.architecture', model.family.architecture]]);
  for (const { key, value } of list.entries) {
    const first = 'values' in value ? value.values[0] : value.value;
    if (typeof first === 'number' || typeof first === 'string') facts.set(key, first);
  }
  const dtypes = new Map(tensors.map(({ name, dtype }) => [name, dtype]));
  const made = model.tensors.map(({ name, shape, making, isAlwaysF32 }) => {
    const source =
      making.kind === 'given' ? undefined : making.kind === 'stack' ? making.sources[0] : making.source;
    return { name, shape, isAlwaysF32, dtype: (source && dtypes.get(source)) ?? 'F32' };
  });
  return { tensors: inGgufOrder(made), facts: modelFacts((key) => facts.get(key)) };
}

const layerCounts = ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers'];
/** More tensors than any published model has. */
const mostTensors = 200_000;

/** The tensors that a config implies, one by one. Throws `unsupported` where its layers differ, or it is not known exactly. */
function modelTensors(fields: Readonly<Record<string, unknown>>): readonly TypedTensor[] {
  const { groups, certainty } = modelParameters(fields);
  const layers = languageModel(new ModelConfig(fields)).count(layerCounts);
  const dtype = configDtype(fields) ?? 'F32';
  const count = groups.reduce((sum, { copies }) => sum + copies, 0);
  const isEven = groups.every(({ name, copies }) => {
    const places = name.split('*').length - 1;
    return places === 0 ? copies === 1 : places === 1 ? copies === layers : copies % layers === 0;
  });
  if (certainty !== 'exact' || !isEven || count > mostTensors)
    throw new LoupeError('unsupported', 'They are known where all layers of a config are built alike.');
  return groups.flatMap(({ name, shape, copies }) =>
    Array.from({ length: copies }, (_, at) => ({
      name: name.replace('*', String(at % layers)).replace('*', String(Math.floor(at / layers))),
      dtype,
      shape,
    })),
  );
}

function factOf(value: MetadataEntry['value'] | undefined): FactValue {
  if (typeof value === 'boolean') return undefined;
  return typeof value === 'object' ? value.head : value;
}

const elementsOf = (shape: readonly number[]): number =>
  shape.reduce((product, dimension) => product * dimension, 1);
