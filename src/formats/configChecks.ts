/** Compares what config.json says with the tensors that are there. */
import type { Architecture, TensorInfo } from './checkpoint';
import { counted, quoteName } from './fileContents';
import type { FindingList } from './findingList';

type Json = Readonly<Record<string, unknown>>;

const torchDtypes: ReadonlyMap<unknown, string> = new Map([
  ['float32', 'F32'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
  ['float64', 'F64'],
]);

/** The one embedding of a language model's tokens; encoders of images and sound have names of their own. */
const embeddingName =
  /^(?:(?:model|transformer|language_model|model\.language_model|language_model\.model)\.)?(?:embed_tokens|wte|word_embeddings|tok_embeddings)\.weight$/;
const layerName =
  /^(?:(?:model|transformer|language_model|model\.language_model|language_model\.model)\.)?(?:layers|h)\.(\d{1,6})\./;

/** Adds findings where dtype, vocabulary, width or the number of layers contradict each other. */
export function checkConfig(
  config: Json,
  architecture: Architecture | undefined,
  tensors: readonly TensorInfo[],
  path: string,
  findings: FindingList,
): void {
  checkDtype(config, tensors, path, findings);
  if (architecture) {
    checkEmbedding(config, architecture, tensors, path, findings);
    // A shard that is missing has said so already.
    const isWhole = !findings
      .toArray()
      .some(({ code }) => ['missing-shard', 'unreadable-shard', 'missing-tensor'].includes(code));
    if (isWhole) checkLayers(config, architecture, tensors, path, findings);
  }
}

/** Says so when config.json names a float type that no tensor has; quantized models are left alone. */
function checkDtype(config: Json, tensors: readonly TensorInfo[], path: string, findings: FindingList): void {
  const declared = config.torch_dtype ?? config.dtype;
  const expected = torchDtypes.get(declared);
  const isQuantized = config.quantization_config !== undefined || config.quantization !== undefined;
  if (expected === undefined || isQuantized || tensors.length === 0) return;
  if (tensors.some(({ dtype }) => dtype === expected)) return;
  findings.add({
    severity: 'info',
    code: 'dtype-differs',
    message: `config.json says ${String(declared)}, but no tensor is ${expected}.`,
    file: path,
  });
}

function checkEmbedding(
  config: Json,
  { vocabulary, hiddenSize }: Architecture,
  tensors: readonly TensorInfo[],
  path: string,
  findings: FindingList,
): void {
  const embedding = tensors.find(({ name, shape }) => shape.length === 2 && embeddingName.test(name));
  if (!embedding) return;
  const [rows, columns] = embedding.shape as [number, number];
  const differs = (what: string, declared: number, found: string) =>
    findings.add({
      severity: 'warning',
      code: 'config-shape-differs',
      message: `config.json says ${what} ${declared}, but ${quoteName(embedding.name)} has ${found}.`,
      file: path,
      tensor: embedding.name,
      byteOffset: embedding.byteOffset,
    });
  if (vocabulary !== undefined && rows !== vocabulary)
    differs('a vocabulary of', vocabulary, counted(rows, 'row'));
  // Some models project a narrower embedding to their width.
  const isFactored = ['embedding_size', 'word_embed_proj_dim'].some((key) => Object.hasOwn(config, key));
  if (hiddenSize !== undefined && !isFactored && columns !== hiddenSize)
    differs('a hidden size of', hiddenSize, counted(columns, 'column'));
}

function checkLayers(
  config: Json,
  { layers }: Architecture,
  tensors: readonly TensorInfo[],
  path: string,
  findings: FindingList,
): void {
  if (layers === undefined) return;
  const present = new Set<number>();
  for (const { name } of tensors) {
    const number = layerName.exec(name)?.[1];
    if (number !== undefined) present.add(Number(number));
  }
  if (present.size === 0) return;
  // Layers for the prediction of more than one token follow the others (DeepSeek-V3).
  const extra = typeof config.num_nextn_predict_layers === 'number' ? config.num_nextn_predict_layers : 0;
  if (present.size >= layers && present.size <= layers + extra) return;
  findings.add({
    severity: 'warning',
    code: 'config-layers-differ',
    message: `config.json says ${counted(layers, 'layer')}, but the tensors belong to ${present.size}.`,
    file: path,
  });
}
