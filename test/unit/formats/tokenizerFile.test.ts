import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { metadataSliceJob } from '../../../src/engine/metadataSliceJob';
import { openCheckpoint } from '../../../src/formats/open';
import { readTokens } from '../../../src/formats/tokenizerFile';
import { f32Data, makeSafetensors } from '../../fixtures/makeCheckpoint';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loupe-tokenizer-'));
});
afterEach(() => rm(folder, { recursive: true }));
const put = (content: unknown) => writeFile(join(folder, 'tokenizer.json'), JSON.stringify(content));

describe('the tokens of a tokenizer.json', () => {
  it('lie at their ids, the added ones too', async () => {
    await put({
      model: { type: 'BPE', vocab: { b: 1, a: 0, __proto__x: 3 } },
      added_tokens: [{ id: 4, content: '</s>' }, { id: -1, content: 'x' }, 7],
    });
    expect(await readTokens(folder)).toEqual(['a', 'b', '', '__proto__x', '</s>']);
  });

  it('are the pairs of a Unigram model in their order', async () => {
    await put({ model: { type: 'Unigram', vocab: [['<unk>', 0], ['▁a', -1.5], 3] } });
    expect(await readTokens(folder)).toEqual(['<unk>', '▁a']);
  });

  it('are refused when the ids claim more than there is, or nothing is there', async () => {
    await put({ model: { vocab: { a: 0, b: 2 ** 40 } } });
    await expect(readTokens(folder)).rejects.toMatchObject({
      code: 'malformed',
      message: /2 tokens, but ids up to/,
    });
    await put({ model: {} });
    await expect(readTokens(folder)).rejects.toMatchObject({ code: 'malformed' });
    await rm(join(folder, 'tokenizer.json'));
    await expect(readTokens(folder)).rejects.toMatchObject({ code: 'not-found' });
    await writeFile(join(folder, 'tokenizer.json'), '{'.repeat(100_000));
    await expect(readTokens(folder)).rejects.toMatchObject({ code: 'malformed' });
  });

  it('come by slices of the model beside them', async () => {
    await put({ model: { vocab: Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`t${i}`, i])) } });
    const path = join(folder, 'model.safetensors');
    await writeFile(path, makeSafetensors([{ name: 'a', dtype: 'F32', shape: [1], data: f32Data([1]) }]));
    const opened = { checkpoint: await openCheckpoint(path) } as Parameters<typeof metadataSliceJob>[0];
    const slice = (start: number, count: number) =>
      metadataSliceJob(
        opened,
        { path, key: 'tokenizer.json', start, count },
        { signal: new AbortController().signal },
      );
    expect(await slice(8998, 50)).toEqual({
      key: 'tokenizer.json',
      type: 'string',
      length: 9000,
      start: 8998,
      values: ['t8998', 't8999'],
    });
    expect((await slice(0, 9000)).values).toHaveLength(4096);
  });
});
