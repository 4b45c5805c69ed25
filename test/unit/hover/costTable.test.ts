import { describe, expect, it } from 'vitest';
import { costTable } from '../../../src/hover/costTable';
import { loadText } from '../../../src/hover/loadText';
import { type LoadWords, noWords } from '../../../src/hover/loadWords';
import { commandLink, escapeMarkdown } from '../../../src/hover/markdownText';
import type { ModelCost } from '../../../src/protocol/costApi';

const cost: ModelCost = {
  name: 'gpt2',
  architecture: 'GPT2LMHeadModel',
  source: 'files',
  open: '/models/gpt2/model.safetensors',
  parameters: 124_439_808,
  bytes: 497_759_232,
  fileCount: 1,
  dtypes: [{ dtype: 'F32', bytes: 497_759_232 }],
  memory: [
    { label: 'F32', bytes: 497_759_232 },
    { label: 'F16/BF16', bytes: 248_879_616 },
    { label: 'INT8', bytes: 124_439_808 },
    { label: 'INT4', bytes: 62_219_904 },
  ],
  errors: 0,
  missing: [],
  cache: { bytesPerToken: 36_864, bytesPerLateToken: 36_864, dtype: 'f16' },
  loaded: {
    weightBytes: 248_879_616,
    totalBytes: 300_000_000,
    context: 1024,
    f32Bytes: 497_759_232,
    isWhole: true,
  },
  longestContext: 1024,
  rooms: [
    {
      name: 'RTX 4090',
      kind: 'gpu',
      memoryBytes: 24 * 2 ** 30,
      verdict: 'fits',
      neededBytes: 3e8,
      largestContext: 1024,
    },
    {
      name: 'memory',
      kind: 'memory',
      memoryBytes: 2 ** 28,
      verdict: 'no',
      neededBytes: 3e8,
      largestContext: 0,
    },
  ],
  lacks: [],
  stamps: [],
};
const words = (more: Partial<LoadWords> = {}): LoadWords => ({ ...noWords(), ...more });
const table = (changes: Partial<ModelCost> = {}, load = words()) =>
  costTable({ ...cost, ...changes }, { load, links: ['[Open in Tensor Loupe](command:x "y")'] });

describe('costTable', () => {
  it('tells parameters, size and dtypes and the four memories', () => {
    const text = table();
    for (const part of ['**gpt2**', 'GPT2LMHeadModel', '124 M parameters', '475 MiB on disk', 'F32 100 %'])
      expect(text).toContain(part);
    expect(text).toContain('| memory | 475 MiB | 237 MiB | 119 MiB | 59.3 MiB |');
    expect(text).toContain('[Open in Tensor Loupe](command:x');
    expect(text).not.toContain('error in');
  });

  it('tells the cache, the whole and where it fits', () => {
    const text = table();
    // 36,864 bytes a token, times 1,024.
    expect(text).toContain('KV cache 36.0 MiB per 1,024 tokens in F16 · made for 1,024 tokens');
    expect(text).toContain('In use about 286 MiB in all with 1,024 tokens');
    expect(text).toContain('$(pass) Fits on RTX 4090 (24.0 GiB)');
    expect(text).toContain("$(error) Does not fit in this machine's memory (256 MiB): 286 MiB needed");
    expect(table({ cache: undefined })).not.toContain('KV cache');
    const windowed = { bytesPerToken: 2048, bytesPerLateToken: 1024, dtype: 'q8_0' };
    expect(table({ cache: windowed })).toContain(
      '2.00 MiB per 1,024 tokens in Q8\\_0, 1.00 MiB beyond the window',
    );
  });

  it('says how the model is loaded at the place', () => {
    const setting = { quantization: 'nf4', doubleQuant: true, context: 8192 } as const;
    expect(table({}, words({ setting }))).toContain(
      '**As loaded here**: 4 bit NF4, double quantization, 8,192 tokens → weights 237 MiB, about 286 MiB in all\n',
    );
  });

  it('says which layers go to a GPU, and what the machine lacks', () => {
    const [gpu] = cost.rooms;
    const load = words({ setting: { gpuLayers: 8 } });
    expect(table({ rooms: [{ ...gpu!, layers: { on: 8, of: 12 } }] }, load)).toContain('with 8 of 12 layers');
    expect(table({ rooms: [gpu!] }, words({ setting: { gpuLayers: -1 } }))).toContain('with all layers');
    expect(table({ lacks: ['It asks for 2 GPUs.'] })).toContain('$(warning) It asks for 2 GPUs');
    const bare = { loaded: { ...cost.loaded, isWhole: false } };
    expect(table(bare)).not.toContain('in all');
    expect(table(bare, words({ setting: { dtype: 'f16' } }))).toContain('F16 → weights 237 MiB\n');
  });

  it('says what it does not take into account', () => {
    expect(table({}, words({ unread: ['GPTQConfig'] }))).toContain('Not taken into account: GPTQConfig');
    const half = { dtypes: [{ dtype: 'F16', bytes: 1 }] };
    const load = words({ isFloat32ByDefault: true });
    expect(table(half, load)).toContain('transformers before version 5 loads F32: 475 MiB');
    expect(table({}, load)).not.toContain('before version 5');
    expect(table(half, words({ isFloat32ByDefault: true, setting: { dtype: 'auto' } }))).not.toContain(
      'version 5',
    );
  });

  it('names shards, what is missing, and errors', () => {
    expect(table({ fileCount: 3, errors: 1 })).toContain('in 3 shards');
    expect(table({ fileCount: 3, errors: 1 })).toContain('1 error in the file');
    expect(table({ errors: 1, missing: ['a-1.safetensors'] })).toContain(
      'A shard is missing: a\\-1\\.safetensors',
    );
    const config = table({ source: 'config', fileCount: 0 });
    expect(config).toContain('No weights are here: counted from config.json, 475 MiB in F32');
  });

  it('keeps hostile names inert', () => {
    const name = '[x](command:evil) <img src=x> **b** `c` |d| $(bug) a@b.c www.x.y\n# e';
    for (const text of [
      table({ name, missing: [name], dtypes: [{ dtype: name, bytes: 1 }] }),
      table({ architecture: name }),
    ]) {
      expect(text).not.toMatch(/(?<!\\)\[x/);
      expect(text).not.toMatch(/(?<!\\)<img/);
      expect(text).not.toMatch(/(?<!\\)\$\(bug/);
      expect(text).not.toMatch(/^# e/m);
      expect(text).not.toMatch(/www\.x|a@b/);
    }
    expect(table({ name: 'x'.repeat(5000) }).length).toBeLessThan(2000);
  });

  it('escapes every character that Markdown reads', () => {
    expect(escapeMarkdown('a*b_c')).toBe('a\\*b\\_c');
  });

  it('keeps arguments of links within the link', () => {
    const link = commandLink('Open', 'a.b', ['/x (1) "y" [z]/]("'], 'Show');
    expect(link).toMatch(/^\[Open\]\(command:a\.b\?[\w%.-]+ "Show"\)$/);
    const [, encoded] = /\?(\S+) /.exec(link)!;
    expect(JSON.parse(decodeURIComponent(encoded!))).toEqual(['/x (1) "y" [z]/]("']);
  });
});

describe('loadText', () => {
  it('says what was said, and nothing else', () => {
    expect(loadText({})).toBe('');
    expect(loadText({ runtime: 'vllm' })).toBe('');
    expect(loadText({ dtype: 'f16' })).toBe('F16');
    expect(loadText({ dtype: 'auto' })).toBe('the stored type');
    expect(loadText({ quantization: 'int8', dtype: 'bf16' })).toBe('8 bit (LLM.int8), the rest in BF16');
    expect(loadText({ dequantized: true })).toBe('dequantized to F32');
    expect(loadText({ context: 16_384, kvDtype: 'q8_0', valueDtype: 'q4_0', gpuLayers: 20 })).toBe(
      '16,384 tokens, keys in Q8_0, values in Q4_0, 20 layers on the GPU',
    );
    expect(loadText({ kvDtype: 'fp8', valueDtype: 'fp8', tensorParallel: 4 })).toBe(
      'KV cache in FP8, over 4 GPUs',
    );
    expect(loadText({ gpuLayers: -1 })).toBe('all layers on the GPU');
    expect(loadText({ device: 'cpu' })).toBe('on the CPU');
    expect(loadText({ device: 1 })).toBe('on GPU 1');
  });
});
