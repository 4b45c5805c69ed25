/** What `memory` is asked: by options, checked by the engine but for what numbers are. */
import { LoupeError } from '../errors';
import type { MemoryParams, MemoryRequest } from '../protocol/memoryApi';

interface Values {
  readonly runtime?: string | undefined;
  readonly context?: string | undefined;
  readonly batch?: string | undefined;
  readonly 'kv-dtype'?: string | undefined;
  readonly 'value-dtype'?: string | undefined;
  readonly dtype?: string | undefined;
  readonly 'no-flash-attention'?: boolean | undefined;
  readonly fit?: readonly string[] | undefined;
}

/** The parameters of the engine's call but for what it is about. */
export type MemoryOptions = Omit<MemoryRequest, 'gpus'> & Pick<MemoryParams, 'gpus'>;

const runtimes = ['transformers', 'llama.cpp', 'vllm'] as const;

/** Throws `usage` for what is no number or no runtime. */
export function memoryOptions(values: Values): MemoryOptions {
  const count = (name: 'context' | 'batch'): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    // "8k" is how people say it.
    const match = /^(\d{1,9})(k?)$/i.exec(text);
    if (!match)
      throw new LoupeError('usage', `--${name} takes a whole number, such as 8192; "${text}" is none.`);
    return Number(match[1]) * (match[2] === '' ? 1 : 1024);
  };
  const { runtime } = values;
  const known = runtimes.find((name) => name === runtime?.toLowerCase());
  if (runtime !== undefined && known === undefined)
    throw new LoupeError('usage', `--runtime takes ${runtimes.join(', ')}; "${runtime}" is none of them.`);
  return {
    runtime: known,
    context: count('context'),
    batch: count('batch'),
    kvDtype: values['kv-dtype']?.toLowerCase(),
    valueDtype: values['value-dtype']?.toLowerCase(),
    dtype: values.dtype,
    gpus: values.fit,
    flashAttention: values['no-flash-attention'] === true ? false : undefined,
  };
}
