/** Checkpoints with what only some formats hold: a vocabulary, a graph and JSON files beside it, packed weights. */
import { catalogueOf, type HarnessModel, toColumns } from './harnessModel';
import { madeUpModel } from './madeUpModel';
import { madeUpValues } from './madeUpValues';

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
