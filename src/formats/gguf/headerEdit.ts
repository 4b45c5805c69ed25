/** Changes the metadata of a GGUF file: what the new header is made of. Tensors and their data stay as they are. */
import { Buffer } from 'node:buffer';
import { LoupeError } from '../../errors';
import { quoteName } from '../fileContents';
import type { MetadataEdit } from './metadataEdit';
import type { GgufLayout } from './reader';
import { metadataBytes } from './values';
import { isGgufTypeName, parseGgufValue } from './valueText';
import { type GgufHeaderPart, partBytes } from './writer';

export interface EditedHeader {
  /** In order: bytes, and runs of the file itself. */
  readonly parts: readonly GgufHeaderPart[];
  readonly headerBytes: number;
  /** Where the data begin in the new file: the header's end, padded. */
  readonly dataStart: number;
  /** What was done, for people: "general.name: set". */
  readonly changes: readonly string[];
}

/** Keys that say how the file is laid out. */
const layoutKeys = /^(general\.alignment|split\.(no|count|tensors\.count))$/;
/** Bytes of magic, version and counts in versions 2 and 3. */
const startBytes = 24;

/**
 * Keys keep their order; new ones come last. Throws `refused` for keys that say how the file is laid out, for a key to be
 * removed that is not there, and for files that are big-endian or of version 1; `usage` for values that are none of their type.
 */
export function editHeader(
  layout: GgufLayout,
  tensorCount: number,
  edits: readonly MetadataEdit[],
): EditedHeader {
  const { metadata, headerEnd, alignment, version, isBigEndian } = layout;
  if (isBigEndian || version === 1)
    throw new LoupeError('refused', 'Big-endian files and those of GGUF version 1 are not edited.');
  const byKey = new Map<string, MetadataEdit>();
  for (const edit of withWholeGroups(layout, edits)) {
    if (layoutKeys.test(edit.key))
      throw new LoupeError(
        'refused',
        `${quoteName(edit.key)} says how the file is laid out and cannot be edited.`,
      );
    if (byKey.has(edit.key)) throw new LoupeError('usage', `${quoteName(edit.key)} is edited twice.`);
    byKey.set(edit.key, edit);
  }
  const parts: GgufHeaderPart[] = [];
  const changes: string[] = [];
  let count = 0;
  for (const { entry, start, bytes } of metadata) {
    const edit = byKey.get(entry.key);
    byKey.delete(entry.key);
    if (edit && 'remove' in edit) {
      changes.push(`${entry.key}: removed`);
      continue;
    }
    count++;
    if (!edit) parts.push({ start, bytes });
    else {
      parts.push({ given: valueBytes(edit, entry.type) });
      changes.push(`${entry.key}: changed`);
    }
  }
  for (const edit of byKey.values()) {
    if ('remove' in edit)
      throw new LoupeError('refused', `There is no key ${quoteName(edit.key)} to be removed.`);
    parts.push({ given: valueBytes(edit, 'string') });
    changes.push(`${edit.key}: added`);
    count++;
  }
  const begin = Buffer.alloc(startBytes);
  begin.write('GGUF', 'latin1');
  begin.writeUInt32LE(version, 4);
  begin.writeBigUInt64LE(BigInt(tensorCount), 8);
  begin.writeBigUInt64LE(BigInt(count), 16);
  const last = metadata.at(-1);
  const infos = last ? last.start + last.bytes : startBytes;
  const all = [{ given: begin }, ...parts, { start: infos, bytes: headerEnd - infos }];
  const headerBytes = all.reduce((sum, part) => sum + partBytes(part), 0);
  return { parts: all, headerBytes, dataStart: Math.ceil(headerBytes / alignment) * alignment, changes };
}

/** Removals of all keys that begin alike, key by key. Throws `refused` where none does. */
function withWholeGroups({ metadata }: GgufLayout, edits: readonly MetadataEdit[]): MetadataEdit[] {
  const isGroup = (edit: MetadataEdit): boolean => 'remove' in edit && edit.key.endsWith('*');
  const named = edits.filter((edit) => !isGroup(edit));
  const taken = new Set(named.map(({ key }) => key));
  for (const { key: group } of edits.filter(isGroup)) {
    const beginning = group.slice(0, -1);
    if (beginning === '')
      throw new LoupeError(
        'refused',
        'All keys at once are not removed: nothing would read the file. Give what they begin with, such as tokenizer.*.',
      );
    const all = metadata.map(({ entry }) => entry.key).filter((key) => key.startsWith(beginning));
    if (all.length === 0)
      throw new LoupeError('refused', `No key begins with ${quoteName(beginning)}, so none can be removed.`);
    for (const key of all) {
      if (taken.has(key)) continue;
      taken.add(key);
      named.push({ key, remove: true });
    }
  }
  return named;
}

function valueBytes(edit: Exclude<MetadataEdit, { remove: true }>, currentType: string): Uint8Array {
  const type = edit.type ?? currentType;
  if (!isGgufTypeName(type))
    throw new LoupeError('usage', `There is no type ${quoteName(type)} of metadata values.`);
  if (edit.key === '') throw new LoupeError('usage', 'A metadata key cannot be empty.');
  return metadataBytes(edit.key, parseGgufValue(edit.key, type, edit.text));
}
