/** Models on this machine, before any of their headers is read. */

export interface ModelGroup {
  /** What opens the whole model: the index, the first shard, or the file. Absolute. */
  readonly path: string;
  readonly name: string;
  /** Weights and index, absolute; those of a set need not all be there. */
  readonly files: readonly string[];
}

export type ModelPlace = 'workspace' | 'huggingFace' | 'ollama';

export interface LocalModel extends ModelGroup {
  readonly place: ModelPlace;
  /** What its files take on the disk, in bytes; a file that several names lead to counts once. */
  readonly bytes: number;
  /** Of the file that changed last, in milliseconds since the epoch. */
  readonly mtimeMs: number;
  /** Files that are named by the set and are not there. */
  readonly missing: number;
}
