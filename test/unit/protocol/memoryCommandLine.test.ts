import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../../src/cli/options';
import type { MemoryParams } from '../../../src/protocol/memoryApi';
import { memoryArguments, memoryCommandLine } from '../../../src/protocol/memoryCommandLine';

const params: readonly MemoryParams[] = [
  { path: '/models/a' },
  {
    path: "/models/with space and 'quotes'",
    runtime: 'llama.cpp',
    context: 8192,
    batch: 4,
    kvDtype: 'q8_0',
    valueDtype: 'q4_0',
    dtype: 'gguf:q4_k_m',
    flashAttention: false,
    devices: ['2x RTX 4090', 'ram=64GB', 'A+B=24GB'],
  },
  {
    config: '/models/config.json',
    gpus: ['24GB', 'RTX 4090'],
    training: {
      method: 'qlora',
      optimizer: 'adamw-8bit',
      precision: 'f32',
      ranks: 8,
      zeroStage: 2,
      checkpointing: true,
      loraRank: 64,
    },
  },
];

const defined = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('a memory setting as a command line', () => {
  it.each(params.map((each) => [memoryCommandLine(each), each] as const))('%s', (_, asked) => {
    const parsed = parseOptions(memoryArguments(asked));
    if (parsed === 'help') throw new Error('It should be a command.');
    const { isConfig, ...rest } = parsed.memory!;
    expect(parsed.command).toBe('memory');
    expect(defined({ ...rest, ...(isConfig ? { config: parsed.path } : { path: parsed.path }) })).toEqual(
      defined(asked),
    );
  });

  it('quotes what shells would take apart', () => {
    expect(memoryCommandLine(params[1]!)).toContain(
      `memory '/models/with space and '\\''quotes'\\''' --runtime llama.cpp`,
    );
    expect(memoryCommandLine({ path: 'C:\\My Models\\a' })).toBe('tensor-loupe memory "C:\\My Models\\a"');
  });
});
