/** Puts the files of models together: an index and its shards, a numbered set, or a file that stands alone. */
import { basename, dirname } from 'node:path';
import { type FileStore, localFiles } from '../../bytes/fileStore';
import { defaultHeaderCapBytes } from '../fileContents';
import { modelFolderName } from '../hubCache';
import { isTrainingState, selectFiles, shardOf } from '../shardSet';
import type { ModelGroup } from './types';

/** Names of files that hold weights, or an index of such. Arrays of NumPy are no models. */
const modelFile =
  /\.(safetensors|gguf|onnx|pt|pth)$|^pytorch_model(-\d+-of-\d+)?\.bin$|\.(safetensors|bin)\.index\.json$/i;
/** Stems that say nothing: the folder's name is the model's. */
const namelessStem = /^(pytorch_|adapter_)?model$/;

/** Whether a file of this name may belong to a model; files that training leaves beside the weights do not. */
export const mayBeModelFile = (name: string): boolean => modelFile.test(name) && !isTrainingState(name);

/**
 * The models in a list of absolute paths, in the order of their paths. Reads indexes, and nothing else; one that cannot be used
 * is left out, and the shards beside it go by their numbers.
 */
export async function groupModelFiles(
  paths: readonly string[],
  store: FileStore = localFiles,
): Promise<ModelGroup[]> {
  const own = [...new Set(paths)].filter((path) => mayBeModelFile(basename(path))).sort();
  const groups: ModelGroup[] = [];
  const taken = new Set<string>();
  for (const path of own) {
    if (!path.endsWith('.index.json')) continue;
    const selected = await selectFiles(path, defaultHeaderCapBytes, store).catch(() => undefined);
    if (!selected) continue;
    const files = [path, ...selected.files];
    for (const file of files) taken.add(file);
    groups.push({ path, name: nameOf(path, selected.stem), files });
  }
  const sets = new Map<string, string[]>();
  for (const path of own) {
    if (taken.has(path) || path.endsWith('.index.json')) continue;
    const shard = shardOf(basename(path));
    const key = shard ? `${dirname(path)}\0${shard.stem}\0${shard.total}\0${shard.extension}` : path;
    sets.set(key, [...(sets.get(key) ?? []), path]);
  }
  for (const files of sets.values()) {
    const path = files[0]!;
    const stem = shardOf(basename(path))?.stem ?? basename(path).replace(/\.[^.]+$/, '');
    groups.push({ path, name: nameOf(path, stem), files });
  }
  return groups.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function nameOf(path: string, stem: string): string {
  const folder = modelFolderName(dirname(path));
  return namelessStem.test(stem) && folder !== '' ? folder : stem;
}
