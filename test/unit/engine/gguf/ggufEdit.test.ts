/** Editing the metadata of GGUF files: the data never change, and what cannot be is refused before anything is written. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../../src/bytes/byteSource';
import { readGguf, readGgufLayout } from '../../../../src/formats/gguf/reader';
import type { EditMetadataReport, EditMetadataRequest, MetadataEdit } from '../../../../src/protocol/ggufApi';
import { sharedPath } from '../../../fixtures/shared';
import { failureOf, startEngine, temporaryFolder, writeModel } from '../support';
import { denseModel } from './ggufModels';

const engine = startEngine();

function copyOfModel(): string {
  const file = path.join(temporaryFolder(), 'model.gguf');
  writeFileSync(file, denseModel());
  return file;
}

const edit = (
  file: string,
  edits: readonly MetadataEdit[],
  more: Partial<EditMetadataRequest> = {},
): Promise<EditMetadataReport> =>
  engine.call('editMetadata', { path: file, edits, overwrite: false, dryRun: false, ...more });

/** The file as plain readers see it: metadata, tensor names and shapes, and a hash of each tensor's bytes. */
async function contentsOf(file: string) {
  const bytes = readFileSync(file);
  const { metadata, tensors, findings } = await readGguf(memorySource(bytes, file));
  const { dataStart } = await readGgufLayout(memorySource(bytes, file));
  const sha256 = (part: Uint8Array) => createHash('sha256').update(part).digest('hex');
  return {
    metadata,
    findings,
    data: sha256(bytes.subarray(dataStart)),
    tensors: tensors.map(({ name, dtype, shape, byteOffset, bytes: length }) => ({
      ...{ name, dtype, shape },
      hash: sha256(bytes.subarray(byteOffset, byteOffset + length)),
    })),
  };
}

describe('an edit', () => {
  it('sets, adds and removes typed keys, and leaves all others and the data as they are', async () => {
    const file = copyOfModel();
    chmodSync(file, 0o600);
    const before = await contentsOf(file);
    const report = await edit(file, [
      { key: 'general.name', text: 'a longer name than the one it had, so that the data move' },
      { key: 'llama.context_length', text: '4096' },
      { key: 'tokenizer.ggml.model', remove: true },
      { key: 'my.flags', type: '[bool]', text: '[true, false]' },
      { key: 'my.large', type: 'u64', text: '18446744073709551615' },
      { key: 'tokenizer.chat_template', text: '{% for message in messages %}\n{{ message }}\n{% endfor %}' },
    ]);
    expect(report).toMatchObject({ inPlace: false, output: file, bytes: readFileSync(file).length });
    expect(report.changes).toEqual([
      'general.name: changed',
      'llama.context_length: changed',
      'tokenizer.ggml.model: removed',
      'my.flags: added',
      'my.large: added',
      'tokenizer.chat_template: added',
    ]);
    const after = await contentsOf(file);
    expect(after.findings).toEqual([]);
    expect(after.tensors).toEqual(before.tensors);
    expect(report.dataSha256).toBe(before.data);
    expect(after.data).toBe(before.data);
    const expected = before.metadata
      .filter(({ key }) => key !== 'tokenizer.ggml.model')
      .map((entry) => {
        if (entry.key === 'llama.context_length') return { ...entry, value: 4096 };
        if (entry.key !== 'general.name') return entry;
        return { ...entry, value: 'a longer name than the one it had, so that the data move' };
      });
    expect(after.metadata).toEqual([
      ...expected,
      { key: 'my.flags', type: '[bool]', value: { type: 'bool', length: 2, head: [true, false] } },
      { key: 'my.large', type: 'u64', value: '18446744073709551615' },
      {
        key: 'tokenizer.chat_template',
        type: 'string',
        value: '{% for message in messages %}\n{{ message }}\n{% endfor %}',
      },
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.dirname(file))).toEqual(['model.gguf']);
  });

  it('that leaves the data where they are writes only what differs', async () => {
    const file = copyOfModel();
    const bytes = readFileSync(file);
    const { ino } = statSync(file);
    const report = await edit(file, [{ key: 'llama.context_length', text: '8192' }]);
    expect(report).toMatchObject({ inPlace: true, bytes: bytes.length });
    expect(report.dataSha256).toBeUndefined();
    expect(statSync(file).ino).toBe(ino);
    const after = readFileSync(file);
    const differing = [...after.keys()].filter((at) => after[at] !== bytes[at]);
    // 128 became 8192: two bytes.
    expect(differing).toHaveLength(2);
    const value = (await contentsOf(file)).metadata.find(({ key }) => key === 'llama.context_length');
    expect(value).toEqual({ key: 'llama.context_length', type: 'u32', value: 8192 });
  });

  it('into another file leaves this one alone', async () => {
    const file = copyOfModel();
    const hash = readFileSync(file).toString('base64');
    const out = path.join(path.dirname(file), 'named.gguf');
    const edits = [{ key: 'general.name', text: 'b' }];
    await edit(file, edits, { out });
    expect(readFileSync(file).toString('base64')).toBe(hash);
    expect((await contentsOf(out)).metadata.find(({ key }) => key === 'general.name')?.value).toBe('b');
    expect(await failureOf(edit(file, edits, { out }))).toMatchObject({ code: 'exists' });
  });

  it('and its undoing give the same bytes', async () => {
    const file = copyOfModel();
    const before = readFileSync(file).toString('base64');
    await edit(file, [{ key: 'my.key', text: 'x'.repeat(100) }]);
    await edit(file, [{ key: 'my.key', remove: true }]);
    expect(readFileSync(file).toString('base64')).toBe(before);
  });

  const vocabulary = sharedPath('models/gguf-vocab/ggml-vocab-qwen2.gguf');
  it.skipIf(vocabulary === undefined)('of a vocabulary without tensors, and its undoing', async () => {
    const file = path.join(temporaryFolder(), 'vocabulary.gguf');
    const before = readFileSync(vocabulary!);
    writeFileSync(file, before);
    await edit(file, [{ key: 'my.key', text: 'x'.repeat(100) }]);
    await edit(file, [{ key: 'my.key', remove: true }]);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('that is only planned writes nothing and says how it would be done', async () => {
    const file = copyOfModel();
    const before = readFileSync(file).toString('base64');
    const same = await edit(file, [{ key: 'llama.context_length', text: '1' }], { dryRun: true });
    const moved = await edit(file, [{ key: 'new', text: 'x'.repeat(64) }], { dryRun: true });
    expect([same.inPlace, moved.inPlace]).toEqual([true, false]);
    expect(moved.bytes).toBeGreaterThan(same.bytes);
    expect(readFileSync(file).toString('base64')).toBe(before);
  });
});

describe('the removal of all keys that begin alike', () => {
  it('strips a tokenizer, but for what another edit gives', async () => {
    const file = copyOfModel();
    await edit(file, [
      { key: 'tokenizer.chat_template', text: '{{ text }}' },
      { key: 'tokenizer.ggml.scores', type: '[f32]', text: '[0, 1]' },
      { key: 'tokenizers', text: 'of another name' },
    ]);
    const before = await contentsOf(file);
    const own = before.metadata.filter(({ key }) => key.startsWith('tokenizer.')).map(({ key }) => key);
    for (const key of ['chat_template', 'ggml.scores', 'ggml.model'])
      expect(own).toContain(`tokenizer.${key}`);
    const report = await edit(file, [
      { key: 'tokenizer.*', remove: true },
      { key: 'tokenizer.ggml.model', text: 'none' },
    ]);
    const expected = own.map((key) => `${key}: ${key === 'tokenizer.ggml.model' ? 'changed' : 'removed'}`);
    expect([...report.changes].sort()).toEqual(expected.sort());
    const after = await contentsOf(file);
    expect(after.metadata.map(({ key }) => key)).toEqual(
      before.metadata
        .map(({ key }) => key)
        .filter((key) => !own.includes(key) || key === 'tokenizer.ggml.model'),
    );
    expect(after.tensors).toEqual(before.tensors);
    expect(after.data).toBe(before.data);
  });
});

describe('is refused, and the file stays as it is', () => {
  it.each<[string, readonly MetadataEdit[], string, string]>([
    ['nothing', [], 'usage', 'Nothing is to be changed'],
    ['the alignment', [{ key: 'general.alignment', type: 'u32', text: '64' }], 'refused', 'laid out'],
    ['a part number', [{ key: 'split.no', remove: true }], 'refused', 'laid out'],
    ['the removal of what is not there', [{ key: 'nothing', remove: true }], 'refused', 'no key "nothing"'],
    ['the removal of keys that begin so', [{ key: 'nothing.*', remove: true }], 'refused', 'No key begins'],
    ['a key twice', ['1', '2'].map((text) => ({ key: 'a', type: 'u8', text })), 'usage', 'edited twice'],
    ['an unknown type', [{ key: 'a', type: 'u128', text: '1' }], 'usage', 'no type "u128"'],
    ['an array of arrays', [{ key: 'a', type: '[[u8]]', text: '[[1]]' }], 'usage', 'no type "[[u8]]"'],
    ['a word for a number', [{ key: 'llama.context_length', text: 'many' }], 'usage', 'an integer (u32)'],
    ['a number too large', [{ key: 'llama.context_length', text: '4294967296' }], 'usage', 'no u32'],
    ['a fraction', [{ key: 'llama.context_length', text: '1.5' }], 'usage', 'an integer (u32)'],
    ['an infinite number', [{ key: 'a', type: 'f32', text: 'Infinity' }], 'usage', 'a number (f32)'],
    ['a flag that is none', [{ key: 'a', type: 'bool', text: '1' }], 'usage', 'true or false'],
    ['an array that is none', [{ key: 'a', type: '[u8]', text: '1, 2' }], 'usage', 'JSON array'],
    ['an array of other things', [{ key: 'a', type: '[u8]', text: '["x"]' }], 'usage', 'an integer (u8)'],
    ['an empty key', [{ key: '', text: 'x' }], 'usage', 'cannot be empty'],
  ])('%s', async (_, edits, code, message) => {
    const file = copyOfModel();
    const before = readFileSync(file).toString('base64');
    const failure = await failureOf(edit(file, edits));
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(message);
    expect(readFileSync(file).toString('base64')).toBe(before);
    expect(readdirSync(path.dirname(file))).toEqual(['model.gguf']);
  });

  it('a file that changed since it was opened', async () => {
    const file = copyOfModel();
    const { generation } = await engine.call('open', { path: file });
    appendFileSync(file, Buffer.alloc(32));
    expect(await failureOf(edit(file, [{ key: 'a', text: 'b' }], { generation }))).toMatchObject({
      code: 'changed',
    });
  });

  it('a link, behind which others may have the file too', async () => {
    const file = copyOfModel();
    const link = path.join(path.dirname(file), 'link.gguf');
    symlinkSync(file, link);
    expect(await failureOf(edit(link, [{ key: 'a', text: 'b' }]))).toMatchObject({ code: 'refused' });
    const out = path.join(path.dirname(file), 'own.gguf');
    expect(await edit(link, [{ key: 'a', text: 'b' }], { out })).toMatchObject({ output: out });
  });

  it('a model of another format', async () => {
    const file = writeModel(path.join(temporaryFolder(), 'model.safetensors'), []);
    expect(await failureOf(edit(file, [{ key: 'a', text: 'b' }]))).toMatchObject({ code: 'unsupported' });
  });

  it('cancelled', async () => {
    const file = copyOfModel();
    const header = readFileSync(file).toString('base64');
    // A hole behind the data: copying it takes far longer than a message takes to the engine.
    truncateSync(file, statSync(file).size + 2 ** 29);
    const before = statSync(file);
    const controller = new AbortController();
    const call = engine.call(
      'editMetadata',
      { path: file, edits: [{ key: 'a', text: 'x'.repeat(100) }], overwrite: false, dryRun: false },
      { signal: controller.signal, progress: () => controller.abort() },
    );
    expect(await failureOf(call)).toMatchObject({ code: 'cancelled' });
    const { size, mtimeMs, ino } = statSync(file);
    expect({ size, mtimeMs, ino }).toEqual({ size: before.size, mtimeMs: before.mtimeMs, ino: before.ino });
    truncateSync(file, size - 2 ** 29);
    expect(readFileSync(file).toString('base64')).toBe(header);
    expect(readdirSync(path.dirname(file))).toEqual(['model.gguf']);
  });
});
