/** Where a model that a text names is: in the workspace, in the caches of this machine, or nowhere but on the Hub. */
import { opendir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolders } from '../formats/localModels/cacheFolders';
import type { ModelPlaceParams } from '../protocol/costApi';
import { type HubName, hubAddress, hubName, ollamaName } from './hubNames';
import type { ModelMention } from './modelMention';
import { mayNameModel } from './modelReference';

/** What paths are looked for from. */
export interface SearchRoots {
  /** Of the document; undefined for one that is on no disk. */
  readonly folder: string | undefined;
  /** Workspace folders, absolute. */
  readonly roots: readonly string[];
  /** Whether paths may lead out of the workspace: strings in untrusted files must not make us probe the machine. */
  readonly isTrusted: boolean;
}

export type FoundModel =
  | { readonly at: 'here'; readonly place: ModelPlaceParams }
  | { readonly at: 'hub'; readonly name: HubName };

const checkpointName =
  /\.(safetensors|gguf|onnx|pt|pth|npz|npy)$|\.(safetensors|bin)\.index\.json$|(^|[\\/])pytorch_model(-\d+-of-\d+)?\.bin$/;
/** Names in a folder that are looked at for one that is a model's. */
const mostNames = 500;

/** Undefined where the text names no model; touches nothing but the disk. Of a `path` that is no address, the Hub is never the answer. */
export async function findModel(mention: ModelMention, search: SearchRoots): Promise<FoundModel | undefined> {
  const { text, kind, load } = mention;
  const own = kind === 'ollama' ? await ollamaPlace(text) : undefined;
  if (own) return own;
  const address = hubAddress(text);
  if (address) return onHubOrCached(address, mention);
  const file = plainFile(load.file);
  const local = await localPlace(text, search, kind !== 'path');
  if (local) return { at: 'here', place: { kind: 'path', path: local, ...file } };
  const name = kind === 'ollama' ? undefined : hubName(text, kind === 'model');
  const found = name && (await onHubOrCached(name, mention));
  // Where nothing says that org/name is a model, it is one if the cache has it.
  return kind === 'path' && found?.at === 'hub' ? undefined : found;
}

/** `*q4_k_m.gguf` asks for a type; any other pattern for nothing that can be looked up. */
function plainFile(file: string | undefined): { file?: string; tag?: string } {
  if (file === undefined || !file.includes('*')) return file === undefined ? {} : { file };
  const tag = /(?:I?Q\d[A-Z0-9_]*|BF16|F16|F32)/i.exec(file)?.[0];
  return tag === undefined ? {} : { tag };
}

async function onHubOrCached(name: HubName, { load }: ModelMention): Promise<FoundModel> {
  const revision = load.revision ?? name.revision;
  const choice = name.file === undefined ? plainFile(load.file) : { file: name.file };
  const tag = name.tag === undefined ? {} : { tag: name.tag };
  const { hub } = cacheFolders(process.env, homedir());
  const folder = path.join(hub, `models--${name.name.replace('/', '--')}`);
  const isCached = await isFolder(path.join(folder, 'snapshots'));
  const isMain = revision === undefined || revision === 'main';
  return isCached
    ? { at: 'here', place: { kind: 'cache', folder, ...choice, ...tag, ...(isMain ? {} : { revision }) } }
    : { at: 'hub', name: { name: name.name, revision, ...choice, ...tag } };
}

async function ollamaPlace(text: string): Promise<FoundModel | undefined> {
  const name = ollamaName(text);
  if (!name) return undefined;
  const { ollama } = cacheFolders(process.env, homedir());
  const [owner, model] = name.repository.split('/') as [string, string];
  const manifest = [name.host, owner, model, name.tag];
  const found = await stat(path.join(ollama, 'manifests', ...manifest)).catch(() => undefined);
  return found?.isFile() ? { at: 'here', place: { kind: 'ollama', folder: ollama, manifest } } : undefined;
}

/** The model's file or folder: relative to the document, then to each workspace folder. */
async function localPlace(
  text: string,
  { folder, roots, isTrusted }: SearchRoots,
  isSurelyModel: boolean,
): Promise<string | undefined> {
  if (!mayNameModel(text)) return undefined;
  // In code a backslash is written twice.
  const written = process.platform === 'win32' ? text.replaceAll('\\\\', '\\') : text;
  const name = text.startsWith('file://') ? pathOfUrl(text) : expanded(written);
  // A path of a network would be asked for over it, with the user's name.
  if (name === undefined || /^[\\/]{2}/.test(name)) return undefined;
  const bases = [...(folder === undefined ? [] : [folder]), ...roots];
  const candidates = path.isAbsolute(name)
    ? [path.normalize(name)]
    : bases.map((base) => path.resolve(base, name));
  for (const candidate of new Set(candidates)) {
    const isOwn = roots.some((root) => isInside(root, candidate, isSurelyModel));
    if (!isOwn && !isTrusted) continue;
    if (await isModel(candidate)) return candidate;
  }
  return undefined;
}

const expanded = (text: string): string =>
  /^~[\\/]/.test(text) ? path.join(homedir(), text.slice(2)) : text;

function pathOfUrl(text: string): string | undefined {
  try {
    return fileURLToPath(text);
  } catch {
    return undefined;
  }
}

/** `isSelf`: the root itself counts. */
function isInside(root: string, candidate: string, isSelf: boolean): boolean {
  const relative = path.relative(root, candidate);
  if (relative === '') return isSelf;
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

const isFolder = async (candidate: string): Promise<boolean> =>
  (await stat(candidate).catch(() => undefined))?.isDirectory() ?? false;

/** A checkpoint's file, or a folder that holds one or a config.json. */
async function isModel(candidate: string): Promise<boolean> {
  const info = await stat(candidate).catch(() => undefined);
  if (info?.isFile()) return checkpointName.test(candidate);
  if (!info?.isDirectory()) return false;
  try {
    let left = mostNames;
    for await (const { name } of await opendir(candidate)) {
      if (name === 'config.json' || /\.(safetensors|gguf)$/.test(name) || checkpointName.test(name))
        return true;
      if (name === 'snapshots' && path.basename(candidate).startsWith('models--')) return true;
      if (--left === 0) return false;
    }
  } catch {
    // A folder that cannot be listed is no model.
  }
  return false;
}
