/** The hover's content as Markdown. Pure. */
import { binarySize, parameterCount } from '../numeric/sizeText';
import type { ModelCost, RoomVerdict } from '../protocol/costApi';
import { grouped, loadText } from './loadText';
import type { LoadWords } from './loadWords';
import { escapeMarkdown, heading } from './markdownText';

/** What the place of the hover adds to the figures. */
export interface CostTableOptions {
  readonly load: LoadWords;
  /** Links at the end, ready made. */
  readonly links: readonly string[];
  /** Where the figures come from if not from this machine's files: a sentence's beginning, our own words. */
  readonly from?: string | undefined;
}

/**
 * A compact table: parameters, size and dtypes, memory of the weights in F32, F16, INT8 and INT4, the cache, what it takes as
 * it is loaded, and where that fits. Names come from files and texts, and are escaped.
 */
export function costTable(cost: ModelCost, { load, links, from }: CostTableOptions): string {
  const architecture = cost.architecture ? ` · ${escapeMarkdown(cost.architecture)}` : '';
  const paragraphs = [
    `**${escapeMarkdown(cost.name)}**${architecture} · ${parameterCount(cost.parameters)} parameters`,
    storedText(cost, from),
    [
      `| Weights in | ${cost.memory.map(({ label }) => heading(label)).join(' | ')} |`,
      `|:--|${cost.memory.map(() => '--:').join('|')}|`,
      `| memory | ${cost.memory.map(({ bytes }) => binarySize(bytes)).join(' | ')} |`,
    ].join('\n'),
    cacheText(cost),
    loadedText(cost, load),
    ...cost.rooms.map((room) => roomText(room, load)),
    ...warnings(cost, load),
    links.join(' · '),
  ];
  return paragraphs.filter((text) => text !== undefined && text !== '').join('\n\n');
}

function storedText({ source, bytes, fileCount, dtypes }: ModelCost, from: string | undefined): string {
  const shares = dtypes
    .slice(0, 4)
    .map((part) => `${escapeMarkdown(part.dtype)} ${share(part.bytes, bytes)}`)
    .join(', ');
  if (source === 'config')
    return `${from ?? 'No weights are here'}: counted from config.json, ${binarySize(bytes)} in ${escapeMarkdown(dtypes[0]?.dtype ?? 'F32')}`;
  const files = fileCount === 1 ? '' : ` in ${fileCount} shards`;
  return `${binarySize(bytes)} ${from ?? 'on disk'}${files} · ${shares}`;
}

function share(part: number, whole: number): string {
  if (whole === 0) return '';
  const percent = (100 * part) / whole;
  return percent > 99.5 && part < whole ? '> 99 %' : `${percent < 0.5 ? '< 1' : Math.round(percent)} %`;
}

function cacheText({ cache, longestContext }: ModelCost): string | undefined {
  if (!cache) return undefined;
  const each = `KV cache ${binarySize(cache.bytesPerToken * 1024)} per 1,024 tokens in ${escapeMarkdown(cache.dtype.toUpperCase())}`;
  const late =
    cache.bytesPerLateToken < cache.bytesPerToken
      ? `, ${binarySize(cache.bytesPerLateToken * 1024)} beyond the window`
      : '';
  return `${each}${late}${longestContext === undefined ? '' : ` · made for ${grouped(longestContext)} tokens`}`;
}

function loadedText({ loaded }: ModelCost, { setting }: LoadWords): string {
  const { weightBytes, totalBytes, context, isWhole } = loaded;
  const how = loadText(setting);
  if (!isWhole) return how === '' ? '' : `**As loaded here**: ${how} → weights ${binarySize(weightBytes)}`;
  const tokens = setting.context === undefined ? ` with ${grouped(context)} tokens` : '';
  const total = `about ${binarySize(totalBytes)} in all${tokens}`;
  return how === ''
    ? `In use ${total}`
    : `**As loaded here**: ${how} → weights ${binarySize(weightBytes)}, ${total}`;
}

const icons: Readonly<Record<RoomVerdict['verdict'], string>> = {
  fits: '$(pass)',
  tight: '$(warning)',
  no: '$(error)',
};

function roomText(
  { name, kind, memoryBytes, verdict, neededBytes, layers: on }: RoomVerdict,
  { setting }: LoadWords,
): string {
  const isToldLayers = setting.gpuLayers !== undefined && setting.gpuLayers !== 0;
  const layers = on ? ` with ${on.on} of ${on.of} layers` : isToldLayers ? ' with all layers' : '';
  const room =
    kind === 'gpu'
      ? `on ${escapeMarkdown(name)} (${binarySize(memoryBytes)})${layers}`
      : `in this machine's memory (${binarySize(memoryBytes)})`;
  const needed = `${binarySize(neededBytes)} needed`;
  if (verdict === 'fits') return `${icons.fits} Fits ${room}`;
  return verdict === 'tight'
    ? `${icons.tight} Fits only just ${room}: ${needed}`
    : `${icons.no} Does not fit ${room}: ${needed}`;
}

function warnings({ missing, errors, loaded, dtypes, lacks }: ModelCost, load: LoadWords): string[] {
  const { dtype, quantization, dequantized } = load.setting;
  const isFloat32 = load.isFloat32ByDefault && dtype === undefined && !quantization && !dequantized;
  const isStoredSo = dtypes.every((part) => part.dtype === 'F32');
  return [
    missing.length > 0
      ? `$(error) ${missing.length === 1 ? 'A shard is' : 'Shards are'} missing: ${missing.map(escapeMarkdown).join(', ')}`
      : errors > 0
        ? `$(error) ${errors} ${errors === 1 ? 'error' : 'errors'} in the file`
        : '',
    ...lacks.map((text) => `$(warning) ${escapeMarkdown(text)}`),
    load.unread.length > 0
      ? `$(info) Not taken into account: ${load.unread.slice(0, 3).map(escapeMarkdown).join(', ')}`
      : '',
    isFloat32 && !isStoredSo
      ? `$(info) Without a dtype, transformers before version 5 loads F32: ${binarySize(loaded.f32Bytes)}`
      : '',
  ].filter((text) => text !== '');
}
