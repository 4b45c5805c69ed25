/** A model that was found on this machine, before any of its headers is read. */
import { stat } from 'node:fs/promises';
import { physicalFile } from './physicalFile';
import type { LocalModel, ModelGroup, ModelPlace } from './types';

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
