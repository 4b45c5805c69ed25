/** GGUF files written from others, and from typed values: nothing is lost, and what is wrong is refused. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../src/bytes/byteSource';
import { readGguf, readGgufLayout } from '../../../src/formats/gguf/reader';
import type { GgufValue } from '../../../src/formats/gguf/values';
import { type GgufFilePlan, type GgufMetadataItem, planGgufFile } from '../../../src/formats/gguf/writer';
import { sharedPath } from '../../fixtures/shared';

/** The planned file's bytes, with `data` for each tensor and header runs from `source`. */
function assemble(plan: GgufFilePlan, source: Uint8Array, data: readonly Uint8Array[]): Uint8Array {
  const file = new Uint8Array(plan.totalBytes);
  let at = 0;
  for (const part of plan.header) {
    const bytes = 'given' in part ? part.given : source.subarray(part.start, part.start + part.bytes);
    file.set(bytes, at);
    at += bytes.length;
  }
  expect(at).toBe(plan.headerBytes);
  for (const [i, { byteOffset }] of plan.tensors.entries()) file.set(data[i]!, byteOffset);
  return file;
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const files = [
  ...['stories260K/stories260K.gguf', 'demo-llama-3m.f16.gguf'],
  ...['gpt-2', 'llama-spm', 'qwen2'].map((name) => `gguf-vocab/ggml-vocab-${name}.gguf`),
].map((name) => `models/${name}`);
const golden = sharedPath('golden/llama-quantize');

describe('a file that is written anew', () => {
  it.each([
    ...files.map((name) => [name, sharedPath(name)] as const),
    ...(golden ? readdirSync(golden) : [])
      .filter((name) => name.endsWith('.gguf'))
      .map((name) => [name, path.join(golden!, name)] as const),
  ])('%s keeps every byte', async (_, file) => {
    if (file === undefined) return;
    const bytes = readFileSync(file);
    const source = memorySource(bytes, file);
    const { metadata, alignment, version } = await readGgufLayout(source);
    const { tensors } = await readGguf(source);
    const plan = planGgufFile({
      metadata: metadata.map(({ entry, start, bytes: length }) => ({ key: entry.key, start, bytes: length })),
      tensors,
      alignment,
      version: version === 2 ? 2 : 3,
    });
    // Keys that lie behind each other are one run: the header takes three parts however many keys there are.
    expect(plan.header.length).toBeLessThanOrEqual(3);
    const data = tensors.map((tensor) => bytes.subarray(tensor.byteOffset, tensor.byteOffset + tensor.bytes));
    expect(hash(assemble(plan, bytes, data))).toBe(hash(bytes));
  });
});

describe('typed values', () => {
  const values: Record<string, GgufValue> = {
    'general.alignment': { type: 'u32', value: 64 },
    'a.u8': { type: 'u8', value: 255 },
    'a.i8': { type: 'i8', value: -128 },
    'a.u16': { type: 'u16', value: 65535 },
    'a.i16': { type: 'i16', value: -2 },
    'a.u32': { type: 'u32', value: 4_294_967_295 },
    'a.i32': { type: 'i32', value: -2_147_483_648 },
    'a.f32': { type: 'f32', value: 0.1 },
    'a.bool': { type: 'bool', value: true },
    'a.string': { type: 'string', value: 'größer \u{1F600}' },
    'a.u64': { type: 'u64', value: 2n ** 64n - 1n },
    'a.i64': { type: 'i64', value: -(2n ** 63n) },
    'a.f64': { type: 'f64', value: Math.PI },
    'a.strings': { arrayOf: 'string', values: ['', 'b'] },
    'a.numbers': { arrayOf: 'i16', values: [1, -1] },
    'a.empty': { arrayOf: 'f32', values: [] },
  };

  it('come back with their types and in their order', async () => {
    const metadata = Object.entries(values).map(([key, value]): GgufMetadataItem => ({ key, value }));
    const plan = planGgufFile({
      metadata,
      tensors: [{ name: 't', dtype: 'F32', shape: [2, 1] }],
      alignment: 64,
    });
    expect(plan.dataStart % 64).toBe(0);
    const file = assemble(plan, new Uint8Array(), [new Uint8Array(8)]);
    const read = await readGguf(memorySource(file));
    expect(read.findings).toEqual([]);
    expect(read.tensors).toEqual([expect.objectContaining({ name: 't', shape: [2, 1], bytes: 8 })]);
    const array = (type: string, head: unknown[]) => ({ type, length: head.length, head });
    expect(read.metadata).toEqual([
      { key: 'general.alignment', type: 'u32', value: 64 },
      { key: 'a.u8', type: 'u8', value: 255 },
      { key: 'a.i8', type: 'i8', value: -128 },
      { key: 'a.u16', type: 'u16', value: 65535 },
      { key: 'a.i16', type: 'i16', value: -2 },
      { key: 'a.u32', type: 'u32', value: 4_294_967_295 },
      { key: 'a.i32', type: 'i32', value: -2_147_483_648 },
      { key: 'a.f32', type: 'f32', value: Math.fround(0.1) },
      { key: 'a.bool', type: 'bool', value: true },
      { key: 'a.string', type: 'string', value: 'größer \u{1F600}' },
      { key: 'a.u64', type: 'u64', value: '18446744073709551615' },
      { key: 'a.i64', type: 'i64', value: '-9223372036854775808' },
      { key: 'a.f64', type: 'f64', value: Math.PI },
      { key: 'a.strings', type: '[string]', value: array('string', ['', 'b']) },
      { key: 'a.numbers', type: '[i16]', value: array('i16', [1, -1]) },
      { key: 'a.empty', type: '[f32]', value: array('f32', []) },
    ]);
  });

  it.each<[GgufValue, string]>([
    [{ type: 'u8', value: 256 }, 'u8'],
    [{ type: 'u32', value: -1 }, 'u32'],
    [{ type: 'i64', value: 2n ** 63n }, 'i64'],
    [{ type: 'u32', value: 1.5 }, 'u32'],
    [{ type: 'bool', value: 1 }, 'bool'],
    [{ type: 'string', value: 1 }, 'string'],
    [{ arrayOf: 'f32', values: ['x'] }, 'f32'],
  ])('that do not fit their type are refused: %o', (value, type) => {
    const write = () => planGgufFile({ metadata: [{ key: 'a.key', value }], tensors: [] });
    expect(write).toThrow(`"a.key" cannot be`);
    expect(write).toThrow(`no ${type}`);
  });
});

describe('what readers would not take is refused, naming the tensor', () => {
  const tensor = { name: 'blk.0.w', dtype: 'F32', shape: [1] };
  it.each<[string, object, string]>([
    ['a name twice', {}, 'twice'],
    ['a long name', { name: 'x'.repeat(64) }, '64 bytes'],
    ['five dimensions', { name: 'y', shape: [1, 1, 1, 1, 1] }, '5 dimensions'],
    ['a type that GGUF lacks', { name: 'y', dtype: 'F8_E4M3' }, 'F8_E4M3'],
    ['rows that fill no blocks', { name: 'y', dtype: 'Q4_K', shape: [2, 128] }, 'rows of 128'],
    ['an impossible shape', { name: 'y', shape: [-1] }, 'impossible shape'],
  ])('%s', (_, change, message) => {
    const other = { ...tensor, ...change };
    const write = () => planGgufFile({ metadata: [], tensors: [tensor, other] });
    expect(write).toThrow(message);
    expect(write).toThrow(expect.objectContaining({ code: 'refused', tensor: other.name }));
  });

  it('a key twice', () => {
    const item: GgufMetadataItem = { key: 'k', value: { type: 'u8', value: 1 } };
    expect(() => planGgufFile({ metadata: [item, item], tensors: [] })).toThrow('"k" would be written twice');
  });
});
