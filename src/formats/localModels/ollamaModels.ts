/**
 * The models in ollama's store: manifests/HOST/NAMESPACE/MODEL/TAG are JSON files whose layers name blobs by their SHA-256
 * (ollama's server/manifest.go). The layer of weights is a GGUF file.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asRecord, readJsonObject } from '../jsonSidecar';
import { measureModel } from './localModel';
import type { LocalModel } from './types';

const mostManifests = 2000;
const manifestCapBytes = 2 ** 20;
const weightsLayer = 'application/vnd.ollama.image.model';
const usualHost = 'registry.ollama.ai';
const usualNamespace = 'library';

export interface OllamaManifest {
  readonly path: string;
  /** As ollama calls it: "llama3.2:3b". */
  readonly name: string;
  /** Weights first; absolute. */
  readonly weights: readonly string[];
  /** All blobs that it names, its configuration too. */
  readonly blobs: readonly string[];
}

/** Every manifest that can be read, in the order of names. */
export async function ollamaManifests(folder: string): Promise<OllamaManifest[]> {
  const manifests: OllamaManifest[] = [];
  let left = mostManifests;
  const walk = async (path: string, parts: readonly string[]): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (left-- <= 0) return;
      const inside = [...parts, entry.name];
      const file = join(path, entry.name);
      if (inside.length < 4 && entry.isDirectory()) await walk(file, inside);
      else if (inside.length === 4 && entry.isFile()) {
        const manifest = await readOllamaManifest(folder, file, inside).catch(() => undefined);
        if (manifest) manifests.push(manifest);
      }
    }
  };
  await walk(join(folder, 'manifests'), []);
  return manifests;
}

/** One manifest, whose place is host, owner, name and tag. Throws what `readJsonObject` throws. */
export async function readOllamaManifest(
  folder: string,
  path: string,
  [host = '', namespace = '', model = '', tag = '']: readonly string[],
): Promise<OllamaManifest> {
  const manifest = await readJsonObject(path, manifestCapBytes);
  const layers = Array.isArray(manifest.layers) ? manifest.layers.slice(0, 1000) : [];
  const [weights, blobs]: [string[], string[]] = [[], []];
  for (const value of [...layers, manifest.config]) {
    const layer = asRecord(value);
    const digest = typeof layer?.digest === 'string' ? layer.digest : '';
    // Nothing else becomes a path.
    const hash = /^sha256[:-]([0-9a-f]{64})$/.exec(digest)?.[1];
    if (hash === undefined) continue;
    const blob = join(folder, 'blobs', `sha256-${hash}`);
    blobs.push(blob);
    if (layer?.mediaType === weightsLayer) weights.push(blob);
  }
  const owner = [
    ...(host === usualHost ? [] : [host]),
    ...(host === usualHost && namespace === usualNamespace ? [] : [namespace]),
  ];
  return { path, name: `${[...owner, model].join('/')}:${tag}`, weights, blobs };
}

/** One model a manifest with weights; several tags of the same weights are several names of one file. */
export async function ollamaModels(folder: string): Promise<LocalModel[]> {
  const models: LocalModel[] = [];
  const known = new Map<string, number>();
  for (const { name, weights } of await ollamaManifests(folder)) {
    const [path] = weights;
    if (path === undefined) continue;
    const place = known.get(path);
    if (place !== undefined) {
      models[place] = { ...models[place]!, name: `${models[place]!.name}, ${name}` };
      continue;
    }
    const model = await measureModel({ path, name, files: weights }, 'ollama');
    if (model) known.set(path, models.push(model) - 1);
  }
  return models;
}
