/** What a format's reader makes of one file; `open` joins the files of a set into a Checkpoint. */
import type { FileStore } from '../bytes/fileStore';
import type {
  CheckpointFile,
  CheckpointFormat,
  Finding,
  GraphSummary,
  MetadataEntry,
  TensorInfo,
} from './checkpoint';
import type { OperatorUse } from './onnx/quantizedOperators';

export interface FileContents {
  /** Set where the layout of the file does not tell it. */
  readonly format?: CheckpointFormat | undefined;
  /** A tensor's `file` is 0 for the file itself and 1.. for `dataFiles`; the caller places them in the set. */
  readonly tensors: readonly TensorInfo[];
  readonly metadata: readonly MetadataEntry[];
  readonly findings: readonly Finding[];
  /** Other files that hold tensors' data. */
  readonly dataFiles?: readonly CheckpointFile[] | undefined;
  readonly graph?: GraphSummary | undefined;
  /** Nodes of the graph whose inputs are quantized weights. */
  readonly quantizedUses?: readonly OperatorUse[] | undefined;
}

/** Largest header that is read, unless the caller raises it: safetensors' own limit. */
export const defaultHeaderCapBytes = 100_000_000;

export interface ReadOptions {
  /** Where other files of the same model are; this machine's file system unless said otherwise. */
  readonly files?: FileStore | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Largest header in bytes that may be read into memory. */
  readonly headerCapBytes?: number | undefined;
}

/** A name inside quotes for a sentence: control characters made visible, and cut, since a name can be a megabyte. */
export function quoteName(name: string): string {
  const cut = name.length > 120 ? `${name.slice(0, 120)}…` : name;
  return JSON.stringify(cut);
}

/** A number of things in words, in a sentence: "1 byte", "2,000 bytes". */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
