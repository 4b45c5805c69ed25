import { expect, it } from 'vitest';
import { OpenedCheckpoint } from '../../../../src/engine/checkpointCache';
import { schemeBytesJob } from '../../../../src/engine/memory/schemeBytesJob';

it('counts the bytes of the tensors asked for, as each scheme would write them', async () => {
  const opened = await OpenedCheckpoint.open('examples/demo-llama-3m/model.safetensors');
  const at = (name: string) => opened.indexOf(name)!;
  const query = at('model.layers.0.self_attn.q_proj.weight');
  const sizes = (indexes: readonly number[]) =>
    new Map(schemeBytesJob(opened, indexes).sizes.map((size) => [size.scheme, size]));
  const { storedBytes } = schemeBytesJob(opened, [query]);
  // 256 x 256 in BF16.
  expect(storedBytes).toBe(131_072);
  const one = sizes([query]);
  // A byte a weight, a BF16 scale for each of 256 rows, and the shape in two 64-bit integers.
  expect(one.get('int8-absmax')).toMatchObject({ bytes: 65_536 + 512 + 16, quantized: 1, refused: 0 });
  // Blocks of 256 weights in 144 bytes (ggml-common.h, block_q4_K).
  expect(one.get('q4_k')).toMatchObject({ bytes: 256 * 144, bitsPerWeight: 4.5 });
  const norm = at('model.layers.0.input_layernorm.weight');
  expect(sizes([norm]).get('int8-absmax')).toMatchObject({ bytes: 512, quantized: 0 });
  expect(sizes([query, norm]).get('int8-absmax')).toMatchObject({
    bytes: 65_536 + 512 + 16 + 512,
    quantized: 1,
  });
  expect(() => schemeBytesJob(opened, [1000])).toThrow('There is no tensor 1000.');
});
