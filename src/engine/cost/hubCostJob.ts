/** What a model on the Hub costs, from its headers or its config.json. */
import { sep } from 'node:path';
import { LoupeError } from '../../errors';
import { sourceFromCheckpoint, sourceFromConfig } from '../../estimate/memorySource';
import { readJsonObject } from '../../formats/jsonSidecar';
import { openCheckpoint } from '../../formats/open';
import { hubChoices } from '../../hub/hubChoices';
import { hubScheme, hubUriPath } from '../../hub/hubLocation';
import { hubFiles, hubRoot, listRepository } from '../../hub/hubRepository';
import type { CostContract, ModelCost } from '../../protocol/costApi';
import { headerCapBytes } from '../headerCap';
import { configCapBytes, costOf, factsOf, factsOfConfig } from './modelCostJob';
import { taggedFile, usualTag } from './modelPlace';

/** Throws what `listRepository` and `openCheckpoint` throw, and `not-found` for a file that is not there. */
export async function hubCostJob(
  { repository, access, load, file, tag }: CostContract['hubCost']['params'],
  signal: AbortSignal,
): Promise<ModelCost> {
  const listing = await listRepository(repository, access, { signal });
  const files = hubFiles(listing, access, { signal });
  const names = listing.files.map(({ path }) => path);
  const usual = load.runtime === 'llama.cpp' ? taggedFile(names, usualTag) : undefined;
  const asked = file ?? (tag === undefined ? usual : taggedFile(names, tag));
  const isAsked = file !== undefined || tag !== undefined;
  if (isAsked && (asked === undefined || !names.includes(asked)))
    throw new LoupeError(
      'not-found',
      `${repository.name} has no file ${(file ?? `of type ${tag}`).slice(0, 120)}.`,
    );
  const path = asked ?? hubChoices(listing.files)[0]?.path;
  const root = hubRoot(repository);
  if (path === undefined) {
    const fields = await readJsonObject([root, 'config.json'].join(sep), configCapBytes, files).catch(() => {
      throw new LoupeError(
        'not-a-checkpoint',
        `${repository.name} holds no safetensors, no GGUF files and no config.json.`,
      );
    });
    const facts = factsOfConfig(fields, repository.name);
    return costOf(sourceFromConfig(fields), { ...facts, stamps: [] }, load);
  }
  const checkpoint = await openCheckpoint([root, ...path.split('/')].join(sep), {
    signal,
    files,
    headerCapBytes: headerCapBytes(),
  });
  const open = `${hubScheme}:${hubUriPath({ ...repository, path })}`;
  const facts = { ...factsOf(checkpoint, open), name: repository.name };
  return costOf(sourceFromCheckpoint(checkpoint), { ...facts, stamps: [] }, load);
}
