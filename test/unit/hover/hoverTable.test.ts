import { describe, expect, it } from 'vitest';
import { escapeMarkdown, hoverTable } from '../../../src/hover/hoverTable';
import type { CheckpointBrief } from '../../../src/protocol/engineApi';

const brief: CheckpointBrief = {
  format: 'safetensors',
  name: 'gpt2',
  path: '/models/gpt2/model.safetensors',
  fileCount: 1,
  architecture: { name: 'GPT2LMHeadModel' },
  parameters: 124_439_808,
  bytes: 497_759_232,
  dtypes: [{ dtype: 'F32', tensors: 148, parameters: 124_439_808, bytes: 497_759_232 }],
  memory: [
    { label: 'F32', bytes: 497_759_232 },
    { label: 'F16/BF16', bytes: 248_879_616 },
    { label: 'INT8', bytes: 124_439_808 },
    { label: 'INT4', bytes: 62_219_904 },
  ],
  errors: 0,
  warnings: 0,
};

describe('hoverTable', () => {
  it('tells parameters, size, dtypes and the four memories', () => {
    const text = hoverTable(brief, 'command:x');
    for (const part of ['**gpt2**', 'GPT2LMHeadModel', '124 M parameters', '475 MiB on disk', 'F32 100 %'])
      expect(text).toContain(part);
    expect(text).toContain('| memory | 475 MiB | 237 MiB | 119 MiB | 59.3 MiB |');
    expect(text).toContain('[Open in Tensor Loupe](command:x');
    expect(text).not.toContain('error');
  });

  it('names shards and errors when there are some', () => {
    const text = hoverTable({ ...brief, fileCount: 3, errors: 1 }, 'command:x');
    expect(text).toContain('in 3 shards');
    expect(text).toContain('1 error in the file');
  });

  it('keeps hostile names inert', () => {
    const name = '[x](command:evil) <img src=x> **b** `c` |d| $(bug)\n# e';
    const text = hoverTable({ ...brief, name }, 'command:x');
    expect(text).not.toMatch(/(?<!\\)\[x/);
    expect(text).not.toMatch(/(?<!\\)<img/);
    expect(text).not.toMatch(/(?<!\\)\$\(bug/);
    expect(text.split('\n')[0]).toContain('e');
  });

  it('escapes every character that Markdown reads', () => {
    expect(escapeMarkdown('a*b_c')).toBe('a\\*b\\_c');
  });
});
