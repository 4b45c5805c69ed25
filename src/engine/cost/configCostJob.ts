/** What a config.json implies, and what another value of one of its fields would change. */

import { sourceFromConfig } from '../../estimate/memorySource';
import { workingMemory } from '../../estimate/workingMemory';
import { parseJsonObject } from '../../formats/jsonSidecar';
import type { ConfigCost, CostContract } from '../../protocol/costApi';
import { cacheAt, parameterFigures } from './configFigures';
import { fieldCosts } from './fieldCosts';

/** Throws `malformed` for what is no JSON or lacks figures, `unsupported` for a model that cannot be counted. */
export function configCostJob({ text, field }: CostContract['configCost']['params']): ConfigCost {
  const fields = parseJsonObject(new TextEncoder().encode(text));
  const source = sourceFromConfig(fields);
  const figures = parameterFigures(source);
  const { costs, notes } = field ? fieldCosts(fields, field, source) : { costs: [], notes: [] };
  const { cache } = workingMemory(source, {
    runtime: 'transformers',
    context: 1,
    batch: 1,
    kvDtype: 'f16',
    flashAttention: true,
  });
  return {
    parameters: figures.parameters,
    bytes: figures.bytes,
    certainty: source.certainty,
    dtype: source.tensors[0]?.dtype ?? 'F32',
    ...(source.cache && cache.bytesPerToken > 0
      ? {
          cache: {
            bytesPerToken: cache.bytesPerToken,
            bytesPerLateToken: cache.bytesPerLateToken,
            dtype: 'f16',
          },
        }
      : {}),
    contexts: source.cache
      ? contextsUpTo(source.longestContext).map((tokens) => ({ tokens, bytes: cacheAt(source, tokens) }))
      : [],
    field: costs,
    fieldNotes: notes,
    notes: source.notes,
  };
}

/** The usual lengths below the longest one, and that. */
function contextsUpTo(longest: number | undefined): number[] {
  const usual = [4096, 32_768, 131_072, 1_048_576];
  if (longest === undefined || longest < 1) return usual.slice(0, 2);
  return [...usual.filter((tokens) => tokens < longest).slice(0, 3), longest];
}
