/** Inputs that the fuzzer found or could have found, by what is wrong with them, and its kept corpus. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../src/bytes/byteSource';
import { readGguf } from '../../../src/formats/gguf/reader';
import { makeGguf } from '../../fixtures/makeCheckpoint';
import { judge } from '../../fuzz/judge';
import { targets } from '../../fuzz/targets';

describe('a GGUF file that ends before its data begin', () => {
  it('has no readable tensor, not even one of no bytes', async () => {
    const whole = makeGguf({
      metadata: [],
      tensors: [{ name: 'empty', dtype: 'F32', shape: [0, 4], data: new Uint8Array(0) }],
    });
    const opened = await readGguf(memorySource(whole));
    expect(opened.findings).toEqual([]);
    expect(opened.tensors[0]!.unreadable).toBeUndefined();
    const short = await readGguf(memorySource(whole.slice(0, whole.length - 1)));
    expect(short.findings).toMatchObject([{ severity: 'error', code: 'truncated-data' }]);
    expect(short.tensors[0]!.unreadable).toBe('The file ends before this tensor does.');
  });
});

describe('the inputs that the fuzzer kept', () => {
  const corpus = fileURLToPath(new URL('../../fuzz/corpus', import.meta.url));
  for (const target of targets) {
    it(`are refused by name or give sound tensors: ${target.name}`, async () => {
      const folder = join(corpus, target.name);
      const files = existsSync(folder) ? readdirSync(folder) : [];
      expect(files.length).toBeGreaterThan(0);
      for (const file of files)
        expect(await judge(target, new Uint8Array(readFileSync(join(folder, file)))), file).toBeUndefined();
    });
  }
});
