/** Words of the Memory tab. Pure. */
import type {
  BytesEstimate,
  CachePart,
  FitReport,
  FitVerdict,
  GpuRoom,
  MemoryPartKind,
} from '../../../src/protocol/memoryApi';
import { formatBytes, formatInteger } from '../../state/format';

export const partLabels: Readonly<Record<MemoryPartKind, string>> = {
  weights: 'Weights',
  kvCache: 'KV cache',
  activations: 'Activations',
  buffers: 'Host buffers',
  gradients: 'Gradients',
  optimizer: 'Optimizer',
  overhead: 'Overhead',
};

export const verdictWords: Readonly<Record<FitVerdict, string>> = {
  fits: 'fits',
  tight: 'only just',
  no: 'does not fit',
};

export const certaintyWords: Readonly<Record<BytesEstimate['certainty'], string>> = {
  exact: 'counted from headers or shapes',
  stated: 'a formula that published logs bear out',
  approximate: 'of the right size: half to twice',
  unknown: 'not known',
};

export const cacheWords: Readonly<Record<CachePart['kind'], string>> = {
  full: 'every token',
  sliding: 'a window of tokens',
  latent: 'a latent for each token',
  cross: "the encoder's tokens",
  state: 'a state of fixed size',
};

/** "16.1 GiB to 18.2 GiB", or that it is exact. */
export function rangeText({ low, high, certainty }: BytesEstimate): string {
  if (certainty === 'unknown') return 'not known';
  return certainty === 'exact' || low === high ? 'exact' : `${formatBytes(low)} to ${formatBytes(high)}`;
}

/** "2 × RTX 4090", "RTX 4090 + RTX 3090". */
function gpuNames(gpus: readonly GpuRoom[]): string {
  const counts = new Map<string, number>();
  for (const { name } of gpus) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${count} × ${name}`)).join(' + ');
}

export function deviceTitle({ kind, gpus }: Pick<FitReport, 'kind' | 'gpus'>): string {
  return kind === 'ram' ? 'Memory of the machine' : gpuNames(gpus);
}

/** "≤ 61 tokens/s": a bound, and marked as one. */
export function boundText(tokensPerSecond: number): string {
  const shown =
    tokensPerSecond >= 10
      ? formatInteger(Math.floor(tokensPerSecond))
      : String(Math.floor(tokensPerSecond * 10) / 10);
  return `≤ ${shown} tokens/s`;
}

/** Why the bound is one. */
export const boundReason =
  "At most: what the memory's speed allows when each token reads all weights that take part and the whole cache. The true number is lower.";

/** A GPU as the engine reads it back to the byte, whatever its name. */
export function deviceText({ name, memoryBytes }: GpuRoom): string {
  const mebibytes = memoryBytes / 2 ** 20;
  const size = Number.isInteger(mebibytes) ? `${mebibytes}MiB` : `${memoryBytes}B`;
  // "+" joins devices and "=" begins a size.
  return `${name.replace(/[+=]/g, ' ')}=${size}`;
}
