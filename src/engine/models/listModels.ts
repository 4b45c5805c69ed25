/** Lists the models on this machine without opening them. */
import { homedir } from 'node:os';
import { cacheFolders } from '../../formats/localModels/cacheFolders';
import { hubCacheModels } from '../../formats/localModels/hubCacheModels';
import { measureModel } from '../../formats/localModels/localModel';
import { groupModelFiles } from '../../formats/localModels/modelGroups';
import { ollamaModels } from '../../formats/localModels/ollamaModels';
import type { LocalModel } from '../../formats/localModels/types';

/** Of given files and, if asked for, of the caches. What cannot be read is left out. */
export async function listModels(files: readonly string[], withCaches: boolean): Promise<LocalModel[]> {
  const groups = await groupModelFiles(files);
  const own = await Promise.all(groups.map((group) => measureModel(group, 'workspace')));
  const models = own.filter((model) => model !== undefined);
  if (!withCaches) return models;
  const { hub, ollama } = cacheFolders(process.env, homedir());
  const cached = await Promise.all([hubCacheModels(hub), ollamaModels(ollama)]);
  // A workspace may be a cache, or lie within one.
  const known = new Set(models.map(({ path }) => path));
  return [...models, ...cached.flat().filter(({ path }) => !known.has(path))];
}
