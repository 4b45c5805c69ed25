/** A setting of the memory estimate as a line for the command line. Pure. */
import type { MemoryParams, Optimizer, Runtime, TrainingMethod } from './memoryApi';

export const memoryRuntimes: readonly Runtime[] = ['transformers', 'llama.cpp', 'vllm'];
export const memoryOptimizers: readonly Optimizer[] = ['adamw', 'adamw-8bit', 'adafactor', 'sgd'];
export const trainingMethods: readonly TrainingMethod[] = ['full', 'lora', 'qlora'];

/** The arguments behind `tensor-loupe` that ask for just that estimate. */
export function memoryArguments(params: MemoryParams): string[] {
  const { training } = params;
  const valued: readonly (readonly [name: string, value: string | number | undefined])[] = [
    ['train', training?.method],
    ['optimizer', training?.optimizer],
    ['precision', training?.precision],
    ['gpus', training?.ranks],
    ['zero', training?.zeroStage],
    ['lora-rank', training?.loraRank],
    ['runtime', params.runtime],
    ['context', params.context],
    ['batch', params.batch],
    ['kv-dtype', params.kvDtype],
    ['value-dtype', params.valueDtype],
    ['dtype', params.dtype],
    ...(params.gpus ?? []).map((gpu) => ['fit', gpu] as const),
    ...(params.devices ?? []).map((device) => ['on', device] as const),
  ];
  return [
    'memory',
    ...('path' in params ? [params.path] : ['--config', params.config]),
    ...valued.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)])),
    ...(params.flashAttention === false ? ['--no-flash-attention'] : []),
    ...(training?.checkpointing ? ['--checkpointing'] : []),
  ];
}

/** The same as one line that shells read as it was meant. */
export function memoryCommandLine(params: MemoryParams): string {
  return ['tensor-loupe', ...memoryArguments(params)].map(quoted).join(' ');
}

/**
 * Single quotes keep all but themselves in POSIX shells and in PowerShell; Windows' own prompt, whose paths have backslashes,
 * wants double ones, which names of files there cannot hold.
 */
function quoted(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (/^[A-Za-z]:\\|^\\\\/.test(text)) return `"${text}"`;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
