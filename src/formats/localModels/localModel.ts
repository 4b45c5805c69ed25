/** A model that was found on this machine, before any of its headers is read. */
import { stat } from 'node:fs/promises';
import type { ModelGroup } from './modelGroups';
import { physicalFile } from './physicalFile';

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

/** With the sizes of its files; undefined when none of them is there. */
export async function measureModel(group: ModelGroup, place: ModelPlace): Promise<LocalModel | undefined> {
  const counted = new Set<string>();
  let [bytes, mtimeMs, missing] = [0, 0, 0];
  for (const file of group.files) {
    try {
      const found = await stat(file);
      if (!found.isFile()) throw new Error('a folder');
      const { identity } = await physicalFile(file);
      if (!counted.has(identity)) bytes += found.size;
      counted.add(identity);
      mtimeMs = Math.max(mtimeMs, found.mtimeMs);
    } catch {
      missing++;
    }
  }
  return counted.size === 0 ? undefined : { ...group, place, bytes, mtimeMs, missing };
}
