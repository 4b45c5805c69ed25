/** Small made-up GGUF models and importance matrices, the same in every run: what llama-quantize made of them is recorded. */
import { f32Data, type GgufValue, makeGguf, type TensorFixture } from '../../../fixtures/makeCheckpoint';
import { randomValues } from '../support';

const width = 256;

function f16Data(values: Float32Array): Uint8Array {
  // Multiples of 2^-10 below 1 are F16 numbers: truncating the bits of a float32 is exact for them.
  const bits = new Uint16Array(values.length);
  const word = new DataView(new ArrayBuffer(4));
  for (const [i, value] of values.entries()) {
    word.setFloat32(0, Math.round(value * 1024) / 1024);
    const all = word.getUint32(0);
    const exponent = ((all >>> 23) & 0xff) - 112;
    bits[i] = ((all >>> 16) & 0x8000) | (exponent <= 0 ? 0 : (exponent << 10) | ((all >>> 13) & 0x3ff));
  }
  return new Uint8Array(bits.buffer);
}

function values(count: number, seed: number): Float32Array {
  // The third power makes few values large, as in trained weights.
  return randomValues(count, seed).map((value) => value ** 3);
}

let seed = 0;
const weight = (name: string, ...shape: number[]): TensorFixture => ({
  name: `${name}.weight`,
  dtype: 'F16',
  shape,
  data: f16Data(
    values(
      shape.reduce((product, n) => product * n, 1),
      ++seed,
    ),
  ),
});
const norm = (name: string): TensorFixture => ({
  name: `${name}.weight`,
  dtype: 'F32',
  shape: [width],
  data: f32Data(values(width, ++seed)),
});

const text = (key: string, value: string): GgufValue => ({ key, type: 'string', value });
const number = (key: string, value: number): GgufValue => ({ key, type: 'u32', value });

function llamaMetadata(blocks: number): GgufValue[] {
  return [
    text('general.architecture', 'llama'),
    number('general.file_type', 1),
    text('general.name', 'a small model'),
    number('llama.context_length', 128),
    number('llama.embedding_length', width),
    number('llama.block_count', blocks),
    number('llama.feed_forward_length', width),
    number('llama.attention.head_count', 4),
    number('llama.attention.head_count_kv', 4),
    { key: 'llama.attention.layer_norm_rms_epsilon', type: 'f32', value: 1e-5 },
    number('llama.rope.dimension_count', 64),
    number('llama.vocab_size', 32),
    text('tokenizer.ggml.model', 'llama'),
    { key: 'tokenizer.ggml.tokens', type: '[string]', value: Array.from({ length: 32 }, (_, i) => `t${i}`) },
    { key: 'tokenizer.ggml.scores', type: '[f32]', value: Array.from({ length: 32 }, (_, i) => -i / 3) },
  ];
}

const attention = (block: number) =>
  ['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => weight(`blk.${block}.${name}`, width, width));

function denseTensors(): TensorFixture[] {
  seed = 0;
  return [
    weight('token_embd', 32, width),
    norm('output_norm'),
    weight('output', 32, width),
    ...[0, 1].flatMap((block) => [
      norm(`blk.${block}.attn_norm`),
      ...attention(block),
      ...['ffn_gate', 'ffn_up', 'ffn_down'].map((name) => weight(`blk.${block}.${name}`, width, width)),
    ]),
  ];
}

/** Two blocks; 19 tensors. */
export const denseModel = (): Uint8Array => makeGguf({ metadata: llamaMetadata(2), tensors: denseTensors() });

/** The same in two files. */
export function splitModel(): [Uint8Array, Uint8Array] {
  const tensors = denseTensors();
  const split = (no: number): GgufValue[] => [
    { key: 'split.no', type: 'u16', value: no },
    { key: 'split.count', type: 'u16', value: 2 },
    { key: 'split.tensors.count', type: 'i32', value: tensors.length },
  ];
  return [
    makeGguf({ metadata: [...llamaMetadata(2), ...split(0)], tensors: tensors.slice(0, 9) }),
    makeGguf({ metadata: split(1), tensors: tensors.slice(9) }),
  ];
}

/** One block with eight experts, whose ffn_down has rows of 32. */
export function expertModel(): Uint8Array {
  seed = 100;
  return makeGguf({
    metadata: [...llamaMetadata(1), number('llama.expert_count', 8), number('llama.expert_used_count', 2)],
    tensors: [
      weight('token_embd', 32, width),
      norm('output_norm'),
      ...attention(0),
      { ...weight('blk.0.ffn_gate_inp', 8, width) },
      weight('blk.0.ffn_gate_exps', 8, 32, width),
      weight('blk.0.ffn_up_exps', 8, 32, width),
      weight('blk.0.ffn_down_exps', 8, width, 32),
    ],
  });
}

/** Names, columns and experts of what a matrix covers. */
type Covered = readonly (readonly [name: string, columns: number, experts: number])[];

export const denseCover: Covered = [0, 1].flatMap((block) =>
  ['attn_q', 'attn_v', 'ffn_gate', 'ffn_down'].map(
    (name) => [`blk.${block}.${name}.weight`, width, 1] as const,
  ),
);
export const expertCover: Covered = [
  ['blk.0.ffn_gate_exps.weight', width, 8],
  ['blk.0.ffn_up_exps.weight', width, 8],
  ['blk.0.ffn_down_exps.weight', 32, 8],
  ['blk.0.attn_v.weight', width, 1],
];
const chunks = 37;

const sums = (count: number, own: number): Float32Array =>
  randomValues(count, 1000 + own).map((value) => 50 * value ** 4);

/** As llama-imatrix writes it now; the third of several experts was never asked. */
export function newMatrix(cover: Covered): Uint8Array {
  return makeGguf({
    metadata: [
      text('general.type', 'imatrix'),
      { key: 'imatrix.datasets', type: '[string]', value: ['a text.raw', 'another.raw'] },
      number('imatrix.chunk_count', chunks),
      number('imatrix.chunk_size', 512),
    ],
    tensors: cover.flatMap(([name, columns, experts], own) => [
      {
        name: `${name}.in_sum2`,
        dtype: 'F32',
        shape: [experts, columns],
        data: f32Data(sums(columns * experts, own)),
      },
      {
        name: `${name}.counts`,
        dtype: 'F32',
        shape: [experts, 1],
        data: f32Data(
          Float32Array.from({ length: experts }, (_, expert) => (expert === 2 ? 0 : 100 + expert)),
        ),
      },
    ]),
  });
}

/** As it wrote it before. */
export function oldMatrix(cover: Covered): Uint8Array {
  const integer = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes;
  };
  const named = (name: string) => [integer(Buffer.byteLength(name)), Buffer.from(name)];
  return Buffer.concat([
    integer(cover.length),
    ...cover.flatMap(([name, columns, experts], own) => [
      ...named(name),
      integer(chunks),
      integer(columns * experts),
      f32Data(sums(columns * experts, own)),
    ]),
    integer(chunks),
    ...named('a text.raw'),
  ]);
}
