/** A made-up llama of 386 million parameters as an F16 GGUF file, for measuring whole runs. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { GgufValue } from '../../../src/formats/gguf/values';
import { planGgufFile } from '../../../src/formats/gguf/writer';

const [layers, width, inner, heads, keyHeads, vocabulary] = [6, 2048, 5376, 32, 4, 32000];
const keyWidth = (width / heads) * keyHeads;

type Sized = readonly [name: string, ...shape: number[]];

const tensors: readonly Sized[] = [
  ['token_embd.weight', vocabulary, width],
  ...Array.from({ length: layers }, (_, i) => i).flatMap((i): Sized[] => [
    [`blk.${i}.attn_norm.weight`, width],
    [`blk.${i}.attn_q.weight`, width, width],
    [`blk.${i}.attn_k.weight`, keyWidth, width],
    [`blk.${i}.attn_v.weight`, keyWidth, width],
    [`blk.${i}.attn_output.weight`, width, width],
    [`blk.${i}.ffn_norm.weight`, width],
    [`blk.${i}.ffn_gate.weight`, inner, width],
    [`blk.${i}.ffn_up.weight`, inner, width],
    [`blk.${i}.ffn_down.weight`, width, inner],
  ]),
  ['output_norm.weight', width],
  ['output.weight', vocabulary, width],
];

const u32 = (value: number): GgufValue => ({ type: 'u32', value });

const metadata: Readonly<Record<string, GgufValue>> = {
  'general.architecture': { type: 'string', value: 'llama' },
  'general.name': { type: 'string', value: 'Made up for measuring' },
  'general.file_type': u32(1),
  'llama.block_count': u32(layers),
  'llama.context_length': u32(2048),
  'llama.embedding_length': u32(width),
  'llama.feed_forward_length': u32(inner),
  'llama.attention.head_count': u32(heads),
  'llama.attention.head_count_kv': u32(keyHeads),
  'llama.attention.layer_norm_rms_epsilon': { type: 'f32', value: Math.fround(1e-5) },
  'llama.rope.dimension_count': u32(width / heads),
  'llama.vocab_size': u32(vocabulary),
};

export const parameterCount = tensors.reduce(
  (sum, [, ...shape]) => sum + shape.reduce((product, size) => product * size, 1),
  0,
);

/** Patterns of F16 numbers that are normally distributed, more or less: sums of four bytes, of about +-0.08. */
function halves(count: number): Uint16Array {
  const values = new Uint16Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const sum = (state & 0xff) + ((state >>> 8) & 0xff) + ((state >>> 16) & 0xff) + (state >>> 24) - 510;
    values[i] = (sum < 0 ? 0x8000 : 0) | (0x1c00 + 12 * Math.abs(sum));
  }
  return values;
}

/** Writes the model; returns where each tensor's data lie. */
export function writeGgufModel(path: string): void {
  const plan = planGgufFile({
    metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    tensors: tensors.map(([name, ...shape]) => ({ name, dtype: shape.length === 1 ? 'F32' : 'F16', shape })),
  });
  const file = openSync(path, 'w');
  let at = 0;
  for (const part of plan.header) {
    if (!('given' in part)) throw new Error('the header has no source');
    at += writeSync(file, part.given, 0, part.given.length, at);
  }
  const values = halves(2 ** 22 + 4096);
  const bytes = new Uint8Array(values.buffer);
  const ones = new Uint8Array(new Float32Array(width).fill(1).buffer);
  for (const [i, { byteOffset, bytes: length }] of plan.tensors.entries()) {
    if (tensors[i]!.length === 2) {
      writeSync(file, ones, 0, length, byteOffset);
      continue;
    }
    // Every tensor begins elsewhere among the values.
    for (let done = 0; done < length; ) {
      const from = done === 0 ? (2 * 64 * i) % 8192 : 0;
      const count = Math.min(bytes.length - from, length - done);
      writeSync(file, bytes, from, count, byteOffset + done);
      done += count;
    }
  }
  closeSync(file);
}
