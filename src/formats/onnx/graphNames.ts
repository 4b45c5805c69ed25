/** Names that a model uses, so that new ones are told apart from all of them. */
import type { ByteSource } from '../../bytes/byteSource';
import { ForwardCursor } from '../forwardCursor';
import { type Field, nextField, readText } from './wire';

const longestNameBytes = 4096;

/** Names of values, tensors and nodes of all graphs of a model that the reader has walked before. */
export async function graphNames(source: ByteSource): Promise<Set<string>> {
  const cursor = new ForwardCursor(source, { headerCapBytes: Number.MAX_SAFE_INTEGER });
  const names = new Set<string>();
  const walk = async (end: number, visit: (field: Field) => Promise<void>): Promise<void> => {
    for (;;) {
      const field = await nextField(cursor, end, 'a message');
      if (!field) return;
      if (field.wireType === 2) await visit(field);
      if (field.wireType !== 0) cursor.seek(field.end);
    }
  };
  const text = async (field: Field): Promise<void> => {
    names.add(await readText(cursor, field, 'a name', longestNameBytes));
  };
  /** The text in a field of a message: a tensor's name is 8, a value's 1. */
  const textIn = (field: Field, number: number): Promise<void> =>
    walk(field.end, async (part) => {
      if (part.number === number) await text(part);
    });
  const graph = (field: Field): Promise<void> =>
    walk(field.end, async (part) => {
      if (part.number === 1) await node(part);
      else if (part.number === 5) await textIn(part, 8);
      else if (part.number === 11 || part.number === 12 || part.number === 13) await textIn(part, 1);
    });
  const node = (field: Field): Promise<void> =>
    walk(field.end, async (part) => {
      if (part.number >= 1 && part.number <= 3) await text(part);
      else if (part.number === 5)
        await walk(part.end, async (inner) => {
          if (inner.number === 6 || inner.number === 11) await graph(inner);
        });
    });
  await walk(cursor.end, async (field) => {
    if (field.number === 7) await graph(field);
  });
  return names;
}

/** A name that is not among `names` yet, and is from now on. */
export function uniqueName(wanted: string, names: Set<string>): string {
  let name = wanted;
  for (let i = 1; names.has(name); i++) name = `${wanted}_${i}`;
  names.add(name);
  return name;
}
