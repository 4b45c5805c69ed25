/** Which checkpoints a listed repository offers. */
import type { HubFile } from './hubLocation';

export interface HubChoice {
  /** What to open: a weights file, the first of a set, or an index. */
  readonly path: string;
  /** All weights together. */
  readonly bytes: number;
  readonly fileCount: number;
  readonly format: 'safetensors' | 'gguf';
  /** What GGUF's naming convention says about the types, e.g. "Q4_K_M". */
  readonly quantization?: string | undefined;
}

const shardPattern = /^(.+)-(\d{1,9})-of-(\d{1,9})\.(safetensors|gguf)$/;
const indexSuffix = '.safetensors.index.json';
const quantizationPattern =
  /(?:^|[-._])((?:UD-)?(?:I?Q\d[A-Z0-9_]*|TQ\d_\d|MXFP4[A-Z0-9_]*|BF16|F16|F32))(?=[-._]|$)/gi;

/** Sets of safetensors first, then GGUF files by size. Shards count once; an index stands for its set. */
export function hubChoices(files: readonly HubFile[]): HubChoice[] {
  const sets = new Map<string, { first: string; bytes: number; fileCount: number }>();
  for (const { path, bytes } of files) {
    if (!/\.(safetensors|gguf)$/.test(path)) continue;
    const shard = shardPattern.exec(path);
    const key = shard ? `${shard[1]} of ${shard[3]} ${shard[4]}` : path;
    const set = sets.get(key);
    if (!set) sets.set(key, { first: path, bytes, fileCount: 1 });
    else {
      set.bytes += bytes;
      set.fileCount++;
      if (path < set.first) set.first = path;
    }
  }
  const paths = new Set(files.map(({ path }) => path));
  const choices = [...sets.values()].map(({ first, bytes, fileCount }): HubChoice => {
    const format = first.endsWith('.gguf') ? 'gguf' : 'safetensors';
    const stem = shardPattern.exec(first)?.[1];
    const index = stem === undefined ? undefined : `${stem}${indexSuffix}`;
    const quantization = format === 'gguf' ? quantizationOf(first) : undefined;
    return {
      path: index !== undefined && format === 'safetensors' && paths.has(index) ? index : first,
      bytes,
      fileCount,
      format,
      ...(quantization === undefined ? {} : { quantization }),
    };
  });
  const rank = ({ format }: HubChoice) => (format === 'safetensors' ? 0 : 1);
  return choices.sort((a, b) => rank(a) - rank(b) || a.bytes - b.bytes || (a.path < b.path ? -1 : 1));
}

/** The last part of the name that reads like a type; the folder may carry it for a set in parts. */
function quantizationOf(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/(-\d+-of-\d+)?\.gguf$/, '');
  return [...name.matchAll(quantizationPattern)].at(-1)?.[1]?.toUpperCase();
}
