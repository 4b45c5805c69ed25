/** Checkpoints for the harness: one read from safetensors bytes, and made-up ones. */
import type { Catalogue, Finding, TensorColumns } from '../../src/protocol/engineApi';

export interface HarnessModel {
  readonly catalogue: Catalogue;
  /** Values of a tensor; null: they cannot be read. */
  values(tensor: number): Float32Array | null;
}

export interface TensorSketch {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly byteOffset: number;
  readonly file?: number;
}

/** Lays tensors out in columns, as the engine does. */
export function toColumns(
  tensors: readonly TensorSketch[],
  more: Partial<Pick<TensorColumns, 'unreadable' | 'pieces'>> = {},
): TensorColumns {
  const dtypes = [...new Set(tensors.map((tensor) => tensor.dtype))];
  const ends: number[] = [];
  let end = 0;
  for (const tensor of tensors) {
    end += tensor.shape.length;
    ends.push(end);
  }
  return {
    count: tensors.length,
    names: tensors.map((tensor) => tensor.name),
    dtypes,
    dtype: Uint16Array.from(tensors, (tensor) => dtypes.indexOf(tensor.dtype)),
    shapes: Float64Array.from(tensors.flatMap((tensor) => tensor.shape)),
    shapeEnd: Uint32Array.from(ends),
    elements: Float64Array.from(tensors, (tensor) => tensor.shape.reduce((a, b) => a * b, 1)),
    bytes: Float64Array.from(tensors, (tensor) => tensor.bytes),
    file: Uint32Array.from(tensors, (tensor) => tensor.file ?? 0),
    byteOffset: Float64Array.from(tensors, (tensor) => tensor.byteOffset),
    unreadable: more.unreadable ?? [],
    pieces: more.pieces ?? [],
  };
}

function catalogueOf(name: string, columns: TensorColumns, more: Partial<Catalogue> = {}): Catalogue {
  const parameters = columns.elements.reduce((sum, count) => sum + count, 0);
  const bytes = columns.bytes.reduce((sum, count) => sum + count, 0);
  return {
    format: 'safetensors',
    name,
    path: `/models/${name}/model.safetensors`,
    folder: `/models/${name}`,
    files: [{ path: `/models/${name}/model.safetensors`, bytes: bytes + 4096, mtimeMs: 0 }],
    tensors: columns,
    metadata: [{ key: 'format', type: 'string', value: 'pt' }],
    findings: [],
    parameters,
    bytes,
    memory: [
      { label: 'F32', bytes: parameters * 4 },
      { label: 'F16/BF16', bytes: parameters * 2 },
      { label: 'INT8', bytes: parameters },
      { label: 'INT4', bytes: Math.ceil(parameters / 2) },
    ],
    generation: '1',
    ...more,
  };
}

/** A BF16 or F32 safetensors file with its config. */
export function fileModel(name: string, file: ArrayBuffer, config: Record<string, unknown>): HarnessModel {
  const headerBytes = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, headerBytes))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors: TensorSketch[] = Object.entries(header)
    .filter(([key]) => key !== '__metadata__')
    .map(
      ([
        key,
        {
          dtype,
          shape,
          data_offsets: [start, end],
        },
      ]) => ({
        name: key,
        dtype,
        shape,
        bytes: end - start,
        byteOffset: 8 + headerBytes + start,
      }),
    );
  const findings: Finding[] = [
    {
      severity: 'warning',
      code: 'unused-config-key',
      message: 'config.json names a torch_dtype that two tensors do not have.',
      file: `/models/${name}/config.json`,
    },
    {
      severity: 'warning',
      code: 'alignment',
      message: 'The data of this tensor does not start at a multiple of 8 bytes.',
      file: `/models/${name}/model.safetensors`,
      tensor: 'model.layers.1.mlp.down_proj.weight',
      byteOffset: 1_204_736,
    },
    { severity: 'info', code: 'padding', message: 'The header is padded with 6 spaces.' },
  ];
  const catalogue = catalogueOf(name, toColumns(tensors), {
    config,
    findings,
    architecture: {
      name: 'LlamaForCausalLM',
      layers: 4,
      hiddenSize: 256,
      heads: 8,
      kvHeads: 4,
      vocabulary: 288,
    },
    files: [{ path: `/models/${name}/model.safetensors`, bytes: file.byteLength, mtimeMs: 0 }],
  });
  return {
    catalogue,
    values: (tensor) => {
      const { byteOffset, bytes, dtype } = tensors[tensor]!;
      if (dtype === 'F32') return new Float32Array(file.slice(byteOffset, byteOffset + bytes));
      const halves = new Uint16Array(file.slice(byteOffset, byteOffset + bytes));
      return new Float32Array(Uint32Array.from(halves, (half) => half * 65_536).buffer);
    },
  };
}

/** A small generator of the same numbers every time (Lehmer, modulus 2^31 - 1). */
function generator(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Near-normal values; where `outlierColumns` says, 40 times as large. */
function madeUpValues(
  seed: number,
  rows: number,
  columns: number,
  outlierColumns: readonly number[],
): Float32Array {
  const next = generator(seed);
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const value = (next() + next() + next() + next() - 2) * 0.05;
    return outlierColumns.includes(i % columns) ? value * 40 : value;
  });
}

/**
 * A llama of `layers` layers, 32 wide, whose `model.layers.1.mlp.down_proj.weight` has outlier columns 5 and 11,
 * and where `broken.weight` cannot be read.
 */
export function madeUpModel(layers: number): HarnessModel {
  const tensors: TensorSketch[] = [];
  let byteOffset = 4096;
  const add = (name: string, dtype: string, shape: readonly number[]) => {
    const bytes = shape.reduce((a, b) => a * b, 1) * (dtype === 'F32' ? 4 : 2);
    tensors.push({ name, dtype, shape, bytes, byteOffset });
    byteOffset += bytes;
  };
  add('broken.weight', 'BF16', [32, 32]);
  add('lm_head.weight', 'BF16', [64, 32]);
  add('model.embed_tokens.weight', 'BF16', [64, 32]);
  // As files have them: by name, 10 before 2.
  const order = Array.from({ length: layers }, (_, i) => String(i)).sort();
  for (const layer of order) {
    const prefix = `model.layers.${layer}`;
    add(`${prefix}.input_layernorm.weight`, 'F32', [32]);
    add(`${prefix}.mlp.down_proj.weight`, 'BF16', [32, 96]);
    add(`${prefix}.mlp.gate_proj.weight`, 'BF16', [96, 32]);
    add(`${prefix}.mlp.up_proj.weight`, 'BF16', [96, 32]);
    add(`${prefix}.self_attn.k_proj.weight`, 'BF16', [16, 32]);
    add(`${prefix}.self_attn.o_proj.weight`, 'BF16', [32, 32]);
    add(`${prefix}.self_attn.q_proj.weight`, 'BF16', [32, 32]);
    add(`${prefix}.self_attn.v_proj.weight`, 'BF16', [16, 32]);
  }
  add('model.norm.weight', 'F32', [32]);
  const unreadable = [{ index: 0, reason: 'its 2,048 bytes end beyond the end of the file.' }];
  return {
    catalogue: catalogueOf('made-up', toColumns(tensors, { unreadable }), {
      architecture: { name: 'LlamaForCausalLM', layers, hiddenSize: 32 },
    }),
    values: (tensor) => {
      if (tensor === 0) return null;
      const { name, shape } = tensors[tensor]!;
      const rows = shape.length > 1 ? shape[0]! : 1;
      const columns = shape.at(-1)!;
      return madeUpValues(
        tensor,
        rows,
        columns,
        name === 'model.layers.1.mlp.down_proj.weight' ? [5, 11] : [],
      );
    },
  };
}

/** A mixture of experts with at least `count` tensors. */
export function largeModel(count: number): HarnessModel {
  const tensors: TensorSketch[] = [];
  let byteOffset = 4096;
  for (let layer = 0; tensors.length < count; layer++) {
    for (let expert = 0; expert < 128 && tensors.length < count; expert++) {
      for (const part of ['down_proj', 'gate_proj', 'up_proj']) {
        const shape = part === 'down_proj' ? [2048, 768] : [768, 2048];
        const bytes = 2 * 2048 * 768;
        tensors.push({
          name: `model.layers.${layer}.mlp.experts.${expert}.${part}.weight`,
          dtype: 'BF16',
          shape,
          bytes,
          byteOffset,
        });
        byteOffset += bytes;
      }
    }
  }
  return {
    catalogue: catalogueOf('large', toColumns(tensors.slice(0, count)), {
      architecture: { name: 'Qwen3MoeForCausalLM', layers: Math.ceil(count / 384), hiddenSize: 2048 },
    }),
    values: (tensor) => madeUpValues(tensor, 64, 64, []),
  };
}

/** Metadata only, like a vocabulary file. */
export function emptyModel(): HarnessModel {
  const array = (type: string, length: number, head: readonly (string | number)[]) => ({
    type,
    length,
    head,
  });
  return {
    catalogue: catalogueOf('vocabulary-only', toColumns([]), {
      format: 'gguf',
      metadata: [
        { key: 'general.architecture', type: 'string', value: 'llama' },
        { key: 'tokenizer.ggml.model', type: 'string', value: 'llama' },
        {
          key: 'tokenizer.ggml.tokens',
          type: '[string]',
          value: array('string', 32_000, ['<unk>', '<s>', '</s>', '\n', '', '<0x01>', '▁the']),
        },
        {
          key: 'tokenizer.ggml.token_type',
          type: '[i32]',
          value: array('i32', 32_000, [2, 3, 3, 1, 1, 6, 1]),
        },
        {
          key: 'tokenizer.ggml.scores',
          type: '[f32]',
          value: array('f32', 32_000, [0, 0, 0]),
        },
        { key: 'tokenizer.ggml.bos_token_id', type: 'u32', value: 1 },
        { key: 'tokenizer.ggml.eos_token_id', type: 'u32', value: 2 },
        { key: 'tokenizer.ggml.padding_token_id', type: 'u32', value: 31_999 },
        { key: 'tokenizer.ggml.add_bos_token', type: 'bool', value: true },
        {
          key: 'tokenizer.chat_template',
          type: 'string',
          value:
            "{% for message in messages %}\n{{ '<|' + message['role'] + '|>' }}\n{{ message['content'] }}<script>alert(1)</script>\n{% endfor %}\n{% if add_generation_prompt %}<|assistant|>{% endif %}",
        },
        { key: 'llama.rope.freq_base', type: 'f32', value: 10_000 },
      ],
    }),
    values: () => null,
  };
}

/** An ONNX model with a graph, and a folder's JSON files beside it, one of them broken. */
export function graphModel(): HarnessModel {
  const model = madeUpModel(1);
  return {
    ...model,
    catalogue: {
      ...model.catalogue,
      format: 'onnx',
      metadata: [],
      graph: {
        name: 'main_graph',
        irVersion: 10,
        producer: 'pytorch 2.9.1',
        opsets: [
          { domain: '', version: 21 },
          { domain: 'com.microsoft', version: 1 },
        ],
        inputs: [
          { name: 'input_ids', type: 'I64', shape: ['batch', 'sequence'] },
          { name: 'past', type: 'sequence' },
          { name: 'state', type: 'F32', shape: [2, '?', 128] },
        ],
        outputs: [{ name: 'logits', type: 'F32', shape: ['batch', 'sequence', 32_000] }],
        operators: [
          { name: 'MatMul', count: 120 },
          { name: 'Add', count: 88 },
          { name: 'com.microsoft.MatMulNBits', count: 40 },
          { name: 'Softmax', count: 12 },
          { name: 'If', count: 1 },
        ],
        quantizedWeights: [{ tensor: 'lm_head.weight', method: 'MatMulNBits, 4 bits, blocks of 32' }],
      },
      sidecars: [
        {
          name: 'config.json',
          bytes: 1234,
          value: { model_type: 'llama', rope_scaling: { type: 'linear', factor: 2 }, layers: [1, 2, 3] },
        },
        { name: 'generation_config.json', bytes: 2, value: {} },
        { name: 'adapter_config.json', bytes: 17, error: 'It is not JSON: line 1, column 4.' },
        {
          name: 'tokenizer_config.json',
          bytes: 420,
          value: {
            tokenizer_class: 'LlamaTokenizerFast',
            bos_token: '<s>',
            eos_token: '</s>',
            added_tokens_decoder: { '1': { content: '<s>', special: true } },
            chat_template: '{{ messages }}',
          },
        },
      ],
    },
  };
}

/** A model in which the analysis finds NaN, infinities and zeros. */
export function brokenModel(): HarnessModel {
  const model = madeUpModel(2);
  const { tensors } = model.catalogue;
  const at = (name: string) => tensors.names.indexOf(name);
  return {
    catalogue: {
      ...model.catalogue,
      findings: [
        {
          severity: 'warning',
          code: 'trailing-data',
          message: 'The file has 12 bytes after the last tensor.',
          file: model.catalogue.path,
          byteOffset: 99_328,
        },
      ],
    },
    values: (tensor) => {
      const values = model.values(tensor);
      if (tensor === at('lm_head.weight')) return values!.map((value, i) => (i < 3 ? Number.NaN : value));
      if (tensor === at('model.layers.0.mlp.gate_proj.weight'))
        return values!.map((value, i) => (i < 2 ? Number.POSITIVE_INFINITY : value));
      return tensor === at('model.norm.weight') ? values!.map(() => 0) : values;
    },
  };
}

/** One logical weight that is stored packed, and what such a file holds beside it. */
export function packedModel(): HarnessModel {
  const span = (name: string, dtype: string, shape: number[], byteOffset: number, bytes: number) => ({
    name,
    dtype,
    shape,
    file: 0,
    byteOffset,
    bytes,
  });
  const base = 'model.layers.0.mlp.down_proj';
  const pieces = {
    layout: 'pack-quantized',
    bits: 8,
    bitsPerWeight: (3152 * 8) / (32 * 96),
    parts: [
      { role: 'codes', span: span(`${base}.weight_packed`, 'I32', [32, 24], 4096, 3072) },
      { role: 'scales', span: span(`${base}.weight_scale`, 'BF16', [32, 1], 7168, 64) },
      { role: 'shape', span: span(`${base}.weight_shape`, 'I64', [2], 7232, 16) },
    ],
  };
  const up = 'model.layers.0.mlp.up_proj';
  const gptq = {
    layout: 'GPTQ',
    bits: 4,
    bitsPerWeight: (1632 * 8) / (32 * 96),
    parts: [
      { role: 'codes', span: span(`${up}.qweight`, 'I32', [12, 32], 8192, 1536) },
      { role: 'scales', span: span(`${up}.scales`, 'F16', [1, 32], 9728, 64) },
      { role: 'zero points', span: span(`${up}.qzeros`, 'I32', [1, 8], 9792, 32) },
    ],
  };
  const columns = toColumns(
    [
      { name: `${base}.weight`, dtype: 'INT8', shape: [32, 96], bytes: 3152, byteOffset: 4096 },
      { name: 'model.norm.weight', dtype: 'F32', shape: [32], bytes: 128, byteOffset: 7248 },
      { name: `${up}.weight`, dtype: 'INT4', shape: [32, 96], bytes: 1632, byteOffset: 8192 },
    ],
    {
      pieces: [
        { index: 0, pieces },
        { index: 2, pieces: gptq },
      ],
      unreadable: [{ index: 2, reason: 'Its GPTQ codes cannot be read: its scales are I16.' }],
    },
  );
  return {
    catalogue: catalogueOf('packed', columns, {
      quantization: { method: 'GPTQ', bits: 4, bitsPerWeight: (4784 * 8) / (2 * 32 * 96), weights: 2 },
    }),
    values: (tensor) => madeUpValues(tensor, tensor === 0 ? 32 : 1, tensor === 0 ? 96 : 32, []),
  };
}
