import { describe, expect, it } from 'vitest';
import { configLens, contextLens, fieldTable } from '../../../src/hover/configTable';
import { indexLens, indexTable, missingLens, shardTable } from '../../../src/hover/indexTable';
import type { ConfigCost, IndexCost } from '../../../src/protocol/costApi';

const cost: ConfigCost = {
  parameters: 8_030_261_248,
  certainty: 'exact',
  dtype: 'BF16',
  bytes: 16_060_522_496,
  cache: { bytesPerToken: 131_072, bytesPerLateToken: 131_072, dtype: 'f16' },
  contexts: [
    { tokens: 4096, bytes: 2 ** 29 },
    { tokens: 8192, bytes: 2 ** 30 },
  ],
  field: [],
  fieldNotes: [],
  notes: [],
};

/** Without the spaces that set columns apart. */
const plain = (name: string, answer: ConfigCost) => fieldTable(name, answer)!.replaceAll('&nbsp;', '');

describe('texts of a config.json', () => {
  it('tells the totals in lenses', () => {
    expect(configLens(cost)).toBe('8.03 B parameters · 15.0 GiB in BF16 · KV cache 128 KiB a token (F16)');
    expect(contextLens(cost)).toBe('1.00 GiB of cache at 8,192 tokens');
    const bert = { ...cost, cache: undefined, certainty: 'approximate' as const };
    expect(configLens(bert)).toBe('about 8.03 B parameters · 15.0 GiB in BF16');
    expect(contextLens(bert)).toBe('');
  });

  it('tells differences with signs, and wholes without', () => {
    const text = plain('num_key_value_heads', {
      ...cost,
      field: [
        { label: 'one more KV head', parameters: 33_554_432, bytes: 67_108_864, bytesPerToken: 16_384 },
        { label: 'with 1 (MQA)', parameters: 7_795_380_224, bytes: 1, bytesPerToken: 16_384, isWhole: true },
      ],
    });
    expect(text).toContain('| | parameters | in BF16 | KV cache a token |');
    expect(text).toContain('| one more KV head | +33.6 M | +64.0 MiB | +16.0 KiB |');
    expect(text).toContain('| with 1 \\(MQA\\) | 7.80 B | 1 B | 16.0 KiB |');
    const less = [{ label: 'x', parameters: -1000, bytes: 0, bytesPerToken: 0 }];
    expect(plain('a', { ...cost, field: less })).toContain('| x | −1.00 K | – |');
  });

  it('tells caches at contexts, and nothing of what is not known', () => {
    const text = plain('max_position_embeddings', { ...cost, fieldNotes: ['A note.'] });
    expect(text).toContain('| tokens | 4,096 | 8,192 |');
    expect(text).toContain('| KV cache (F16) | 512 MiB | 1.00 GiB |');
    expect(text).toContain('A note\\.');
    expect(fieldTable('bos_token_id', cost)).toBeUndefined();
  });
});

describe('texts of an index', () => {
  const shard = (name: string, fileBytes?: number) => ({
    name,
    tensors: 2,
    ...(fileBytes ? { fileBytes } : {}),
  });
  const index: IndexCost = {
    tensors: 4,
    shards: [shard('a.safetensors', 2048), shard('$(bug).safetensors')],
    totalBytes: 4096,
  };

  it('tells totals and what is missing, without icons from names', () => {
    expect(indexLens(index)).toBe('4 tensors in 2 shards · 4.00 KiB by the index');
    expect(missingLens(index)).toBe('1 of 2 shards is missing: $ (bug).safetensors');
    expect(indexTable(index)).toContain('- \\$\\(bug\\)\\.safetensors');
    const whole = { ...index, shards: index.shards.slice(0, 1), parameters: 1000, bytes: 2000 };
    expect(missingLens(whole)).toBeUndefined();
    expect(indexLens(whole)).toBe('4 tensors in 1 shard · 1.00 K parameters · 1.95 KiB');
    expect(indexTable(whole)).toContain('All shards are there');
  });

  it('tells of one shard', () => {
    expect(shardTable('a.safetensors', index)).toBe('**a\\.safetensors** · 2 tensors · 2.00 KiB');
    expect(shardTable('$(bug).safetensors', index)).toContain('$(error) missing');
    expect(shardTable('b', index)).toBeUndefined();
  });
});
