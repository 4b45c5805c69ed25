/** Lenses and hovers of an index of shards as texts. Pure. */
import { binarySize, parameterCount } from '../numeric/sizeText';
import type { IndexCost } from '../protocol/costApi';
import { grouped } from './loadText';
import { escapeMarkdown } from './markdownText';

/** Names that a lens has room for. */
const mostNames = 3;

const missingOf = ({ shards }: IndexCost) => shards.filter(({ fileBytes }) => fileBytes === undefined);
const plural = (count: number, word: string) => `${grouped(count)} ${word}${count === 1 ? '' : 's'}`;

/** "39 tensors in 3 shards · 3.30 M parameters · 6.29 MiB" */
export function indexLens(cost: IndexCost): string {
  const { tensors, shards, parameters, bytes, totalBytes } = cost;
  const size = bytes ?? totalBytes;
  return [
    `${plural(tensors, 'tensor')} in ${plural(shards.length, 'shard')}`,
    ...(parameters === undefined ? [] : [`${parameterCount(parameters)} parameters`]),
    ...(size === undefined ? [] : [`${binarySize(size)}${bytes === undefined ? ' by the index' : ''}`]),
  ].join(' · ');
}

/** "1 of 3 shards is missing: model-00002-of-00003.safetensors"; undefined where all are there. */
export function missingLens(cost: IndexCost): string | undefined {
  const missing = missingOf(cost);
  if (missing.length === 0) return undefined;
  // In a lens a name of the form $(x) would become an icon.
  const names = missing.slice(0, mostNames).map(({ name }) => name.replaceAll('$(', '$ ('));
  const more = missing.length > mostNames ? ` and ${missing.length - mostNames} more` : '';
  const are = missing.length === 1 ? 'is' : 'are';
  return `${missing.length} of ${plural(cost.shards.length, 'shard')} ${are} missing: ${names.join(', ')}${more}`;
}

/** Of one shard; undefined for a name that the index does not give. */
export function shardTable(name: string, cost: IndexCost): string | undefined {
  const shard = cost.shards.find((each) => each.name === name);
  if (!shard) return undefined;
  const size = shard.fileBytes === undefined ? '$(error) missing' : binarySize(shard.fileBytes);
  return `**${escapeMarkdown(name)}** · ${plural(shard.tensors, 'tensor')} · ${size}`;
}

/** The whole, over what the index says of itself. */
export function indexTable(cost: IndexCost): string {
  const missing = missingOf(cost);
  const lines = missing.slice(0, 20).map(({ name }) => `- ${escapeMarkdown(name)}`);
  const rest = missing.length > 20 ? [`- and ${missing.length - 20} more`] : [];
  return [
    indexLens(cost),
    missing.length === 0
      ? '$(pass) All shards are there.'
      : `$(error) ${plural(missing.length, 'shard')} missing:`,
    [...lines, ...rest].join('\n'),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}
