/** The metadata that a quantized GGUF file has beside the source's own, as llama-quantize writes them. */
import type { MetadataSpan } from '../../../formats/gguf/metadata';
import type { GgufLayout } from '../../../formats/gguf/reader';
import type { GgufMetadataItem } from '../../../formats/gguf/writer';
import type { GgufOptions } from '../../../quant/gguf/options';
import type { TensorImportance } from './ggufImportance';

/** ggml.h GGML_QNT_VERSION: how the blocks of quantized types are laid out. */
const quantizationVersion = 2;

const versionKey = 'general.quantization_version';
const fileTypeKey = 'general.file_type';
const splitNames = ['split.no', 'split.count', 'split.tensors.count'] as const;
/** What files of a split model say of themselves. */
export const splitKeys: ReadonlySet<string> = new Set(splitNames);
/** Keys that are written anew, or are no longer true. */
const replaced: ReadonlySet<string> = new Set([versionKey, fileTypeKey, ...splitNames]);
const importanceKeys = 'quantize.imatrix.';
/** Longest value of a text that llama.cpp's options hold. */
const longestTextBytes = 127;

/** The source's own keys, in their order and with their very bytes, but for those that are written anew. */
export function keptMetadata(
  { metadata }: GgufLayout,
  without: ReadonlySet<string> = replaced,
): GgufMetadataItem[] {
  return metadata.filter(({ entry }) => !without.has(entry.key)).map(asItem);
}

/** An entry as it lies in the file. */
const asItem = ({ entry, start, bytes }: MetadataSpan): GgufMetadataItem => ({
  key: entry.key,
  start,
  bytes,
});

/** What says how the file was quantized; these keys come last. */
export function fileTypeMetadata(
  fileType: number,
  options: GgufOptions | undefined,
  importance: TensorImportance | undefined,
): GgufMetadataItem[] {
  const number = (key: string, value: number): GgufMetadataItem => ({ key, value: { type: 'u32', value } });
  const text = (key: string, value: string): GgufMetadataItem => ({
    key,
    value: { type: 'string', value: cut(value) },
  });
  const items = [number(versionKey, quantizationVersion), number(fileTypeKey, fileType)];
  if (!importance) return items;
  items.push(text(`${importanceKeys}file`, options?.imatrixName ?? importance.fileName));
  const [dataset] = importance.datasets;
  if (dataset !== undefined) items.push(text(`${importanceKeys}dataset`, dataset));
  items.push(number(`${importanceKeys}entries_count`, importance.names.length));
  if (importance.chunks > 0) items.push(number(`${importanceKeys}chunks_count`, importance.chunks));
  return items;
}

/** Which part of how many a file is; part 0 has the other metadata. */
export function splitMetadata(no: number, count: number, tensors: number): GgufMetadataItem[] {
  return [
    { key: splitNames[0], value: { type: 'u16', value: no } },
    { key: splitNames[1], value: { type: 'u16', value: count } },
    { key: splitNames[2], value: { type: 'i32', value: tensors } },
  ];
}

/** The beginning of a text, cut between characters. */
function cut(text: string): string {
  let result = text;
  while (Buffer.byteLength(result) > longestTextBytes) result = Array.from(result).slice(0, -1).join('');
  return result;
}
