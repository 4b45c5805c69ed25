/** What has to go for a model to be gone, and what the disk gets back for it. */
import { homedir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { cacheFolders } from '../../formats/localModels/cacheFolders';
import { hubCacheModels } from '../../formats/localModels/hubCacheModels';
import { ollamaManifests } from '../../formats/localModels/ollamaModels';
import { physicalFile } from '../../formats/localModels/physicalFile';
import type { DeletionPlan, LocalModel } from '../../protocol/modelsApi';

type Model = Pick<LocalModel, 'path' | 'files' | 'place'>;

/**
 * In the workspace: the weights and the index; configuration and tokenizer stay. In the Hub's cache: the repository's folder, or, where it
 * holds other models too, this one's files and the blobs behind them. In ollama's store: the manifests of the
 * weights, and the blobs that no other manifest names. Deletes nothing itself.
 */
export async function deletionPlan(
  model: Model,
  folders = cacheFolders(process.env, homedir()),
): Promise<DeletionPlan> {
  if (model.place === 'ollama') return ollamaPlan(model, folders.ollama);
  if (model.place === 'huggingFace') return hubPlan(model, folders.hub);
  return workspacePlan(model);
}

async function workspacePlan({ files }: Model): Promise<DeletionPlan> {
  const found = await existing(files);
  const notes: string[] = [];
  if (found.some(({ isLink }) => isLink))
    notes.push('Some files are links: only the links go, not what they lead to.');
  if (found.some(({ isLink, hardLinks }) => !isLink && hardLinks > 1))
    notes.push('Some files have other names (hard links), which keep their bytes.');
  // Bytes come back only where no link leads elsewhere and no other name is left.
  const freed = found.filter(({ isLink, hardLinks }) => !isLink && hardLinks === 1);
  return { targets: found.map(({ path }) => path), freedBytes: sizeOf(freed), notes };
}

async function hubPlan(model: Model, hub: string): Promise<DeletionPlan> {
  const shared = 'Programs that use the Hugging Face cache will download it again.';
  const inside = resolve(model.path).slice(resolve(hub).length + 1);
  const [name = ''] = inside.split(sep);
  if (!resolve(model.path).startsWith(resolve(hub) + sep) || !name.startsWith('models--'))
    return workspacePlan(model);
  const repository = join(hub, name);
  const all = (await hubCacheModels(hub)).filter(({ path }) => path.startsWith(repository + sep));
  if (all.every(({ path }) => path === model.path)) {
    return { targets: [repository], freedBytes: sizeOf(await existing(model.files)), notes: [shared] };
  }
  // Files that another model of the repository needs stay, such as a part that both have.
  const others = all.filter(({ path }) => path !== model.path).flatMap(({ files }) => files);
  const kept = new Set((await existing(others)).map(({ identity }) => identity));
  const going = (await existing(model.files)).filter(({ identity }) => !kept.has(identity));
  const blobs = new Set(going.filter(({ isLink }) => isLink).map(({ realPath }) => realPath));
  return {
    targets: [...going.map(({ path }) => path), ...blobs],
    freedBytes: sizeOf(going),
    notes: [shared, 'Other models of the repository stay.'],
  };
}

async function ollamaPlan(model: Model, folder: string): Promise<DeletionPlan> {
  const manifests = await ollamaManifests(folder);
  const own = manifests.filter(({ weights }) => weights[0] === model.path);
  const kept = new Set(manifests.filter((each) => !own.includes(each)).flatMap(({ blobs }) => blobs));
  const blobs = [...new Set(own.flatMap((each) => each.blobs))].filter((blob) => !kept.has(blob));
  const going = await existing(blobs);
  const isShared = kept.has(model.path);
  return {
    targets: [...own, ...going].map(({ path }) => path),
    freedBytes: sizeOf(going),
    notes: [
      'ollama will no longer list it.',
      ...(isShared ? ['Other models of ollama use the same weights, which stay.'] : []),
    ],
  };
}

type Existing = Awaited<ReturnType<typeof physicalFile>> & { readonly path: string };

async function existing(files: readonly string[]): Promise<Existing[]> {
  const found = await Promise.all(
    [...new Set(files)].map((path) =>
      physicalFile(path).then(
        (file) => ({ ...file, path }),
        () => undefined,
      ),
    ),
  );
  return found.filter((file) => file !== undefined);
}

/** Bytes of the files; of several names of one, once. */
function sizeOf(files: readonly Existing[]): number {
  const bytes = new Map(files.map((file) => [file.identity, file.bytes]));
  return [...bytes.values()].reduce((sum, each) => sum + each, 0);
}
