/** Models on the Hugging Face Hub: their catalogues, read from headers by range requests. */
import { createHash } from 'node:crypto';
import { sep } from 'node:path';
import { LoupeError } from '../errors';
import type { Checkpoint } from '../formats/checkpoint';
import { openCheckpoint } from '../formats/open';
import { type HubChoice, hubChoices } from '../hub/hubChoices';
import { type HubFileLocation, hubScheme, hubUriPath, hubValuesReason } from '../hub/hubLocation';
import { hubFiles, hubRoot, listRepository } from '../hub/hubRepository';
import type { Catalogue, EngineContract } from '../protocol/engineApi';
import { toCatalogue } from './catalogue';
import { headerCapBytes } from './headerCap';
import type { JobContext } from './jobs';
import { keepRemote } from './memory/memoryJob';

/** What can be opened of a repository. Throws `not-a-checkpoint` when nothing can, and what `listRepository` throws. */
export async function listHubChoices(
  { repository, access }: EngineContract['hubChoices']['params'],
  signal: AbortSignal,
): Promise<readonly HubChoice[]> {
  const { files } = await listRepository(repository, access, { signal });
  const choices = hubChoices(files);
  if (choices.length > 0) return choices;
  throw new LoupeError('not-a-checkpoint', `${repository.name} holds no safetensors and no GGUF files.`);
}

/**
 * Opens a model of which only headers, the index and config.json are downloaded. Every tensor's values are marked as
 * not readable, with the reason. Paths in the result are URIs. Throws what `listRepository` and `openCheckpoint` throw.
 */
export async function openHubModel(
  { location, access }: EngineContract['hubOpen']['params'],
  { signal, progress }: JobContext<EngineContract['hubOpen']['progress']>,
): Promise<Catalogue> {
  const rename = pathsToUris(location);
  try {
    const listing = await listRepository(location, access, { signal });
    const path = [hubRoot(location), ...location.path.split('/')].join(sep);
    const checkpoint = await openCheckpoint(path, {
      signal,
      files: hubFiles(listing, access, { signal }),
      headerCapBytes: headerCapBytes(),
      onProgress: progress,
    });
    const shown = withoutValues(checkpoint, rename);
    keepRemote(shown.path, shown);
    const catalogue = toCatalogue(shown);
    // Names and sizes may stay the same from one commit to the next.
    const generation = createHash('sha256').update(`${catalogue.generation} ${listing.commit}`).digest('hex');
    return { ...catalogue, generation: generation.slice(0, 16) };
  } catch (thrown) {
    const { code, message, file, tensor, byteOffset } = LoupeError.from(thrown);
    throw new LoupeError(code, message, { file: file && rename(file), tensor, byteOffset });
  }
}

/** The checkpoint as it may be shown: with URIs for paths, and no values. */
function withoutValues(checkpoint: Checkpoint, rename: (path: string) => string): Checkpoint {
  return {
    ...checkpoint,
    path: rename(checkpoint.path),
    folder: rename(checkpoint.folder),
    files: checkpoint.files.map((file) => ({ ...file, path: rename(file.path) })),
    tensors: checkpoint.tensors.map((tensor) => ({
      ...tensor,
      unreadable: tensor.unreadable ?? hubValuesReason,
    })),
    findings: checkpoint.findings.map((finding) =>
      finding.file === undefined ? finding : { ...finding, file: rename(finding.file) },
    ),
  };
}

/** Turns paths below the repository's folder into URIs, and leaves others alone. */
function pathsToUris(location: HubFileLocation): (path: string) => string {
  const root = hubRoot(location);
  const base = `${hubScheme}:${hubUriPath({ ...location, path: '' })}`;
  return (path) => {
    if (path === root) return base.slice(0, -1);
    return path.startsWith(root + sep)
      ? base +
          path
            .slice(root.length + 1)
            .split(sep)
            .join('/')
      : path;
  };
}
