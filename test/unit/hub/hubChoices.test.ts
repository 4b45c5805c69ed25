import { expect, it } from 'vitest';
import { hubChoices } from '../../../src/hub/hubChoices';

const shard = (i: number, extension: string, folder = '') => `${folder}model-0000${i}-of-00002.${extension}`;

it('offers a set as one choice through its index, and each GGUF file with its type', () => {
  const choices = hubChoices([
    { path: 'README.md', bytes: 10 },
    { path: shard(2, 'safetensors'), bytes: 20 },
    { path: shard(1, 'safetensors'), bytes: 30 },
    { path: 'model.safetensors.index.json', bytes: 5 },
    { path: 'small-Q8_0.gguf', bytes: 8 },
    { path: 'small-IQ4_XS.gguf', bytes: 4 },
    { path: 'UD-Q4_K_XL/big-UD-Q4_K_XL-00001-of-00002.gguf', bytes: 100 },
    { path: 'UD-Q4_K_XL/big-UD-Q4_K_XL-00002-of-00002.gguf', bytes: 50 },
    { path: 'pytorch_model.bin', bytes: 50 },
  ]);
  expect(choices).toEqual([
    { path: 'model.safetensors.index.json', bytes: 50, fileCount: 2, format: 'safetensors' },
    { path: 'small-IQ4_XS.gguf', bytes: 4, fileCount: 1, format: 'gguf', quantization: 'IQ4_XS' },
    { path: 'small-Q8_0.gguf', bytes: 8, fileCount: 1, format: 'gguf', quantization: 'Q8_0' },
    {
      path: 'UD-Q4_K_XL/big-UD-Q4_K_XL-00001-of-00002.gguf',
      bytes: 150,
      fileCount: 2,
      format: 'gguf',
      quantization: 'UD-Q4_K_XL',
    },
  ]);
});

it('keeps sets of different folders apart, and opens one without an index by its first shard', () => {
  const files = ['a/', 'b/'].flatMap((folder) =>
    [2, 1].map((i) => ({ path: shard(i, 'safetensors', folder), bytes: i })),
  );
  expect(hubChoices(files).map(({ path, bytes }) => [path, bytes])).toEqual([
    [shard(1, 'safetensors', 'a/'), 3],
    [shard(1, 'safetensors', 'b/'), 3],
  ]);
  expect(hubChoices([{ path: 'model.onnx', bytes: 1 }])).toEqual([]);
});
