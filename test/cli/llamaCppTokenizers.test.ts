/** Tokenizers that are converted, used by llama.cpp itself. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertModel } from '../../src/convert/convertModel';
import { planGgufFile } from '../../src/formats/gguf/writer';
import {
  plainTokens,
  unigramConfig,
  unigramPieces,
  unigramTokenizer,
  unknownPiece,
} from '../fixtures/unigramTokenizer';

const root = path.resolve(import.meta.dirname, '../..');
const client = path.join(root, '.cache/llama-cpp/node_modules/node-llama-cpp/dist/index.js');
const isThere = existsSync(client);
if (!isThere)
  console.log('Skipped: llama.cpp is not installed; `npm test` does that on Linux with an x86-64 processor.');

let work: string;
beforeAll(() => {
  work = mkdtempSync(path.join(tmpdir(), 'loupe-tokens-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Numbers of the tokens of each text, as llama.cpp cuts them by a file without weights. */
async function tokensOf(
  tokenizerJson: Record<string, unknown>,
  texts: readonly string[],
): Promise<number[][]> {
  const { metadata } = await convertModel({
    name: 'words',
    files: { config: unigramConfig, tokenizerJson },
    tensors: [{ name: 'model.embed_tokens.weight', shape: [unigramPieces.length, 64] }],
  });
  const plan = planGgufFile({ metadata, tensors: [] });
  const model = path.join(work, 'words.gguf');
  writeFileSync(
    model,
    Buffer.concat(plan.header.map((part) => ('given' in part ? part.given : Buffer.alloc(0)))),
  );
  const script = path.join(root, 'test/llamaCpp/tokenize.mjs');
  const result = spawnSync(process.execPath, [script, client], {
    input: JSON.stringify({ model, texts }),
    encoding: 'utf8',
    timeout: 150_000,
  });
  expect(result.status, result.stderr).toBe(0);
  return JSON.parse(result.stdout.trim().split('\n').at(-1)!);
}

describe.skipIf(!isThere)('llama.cpp', () => {
  it('finds the pieces of highest score', { timeout: 180_000 }, async () => {
    const texts = ['the other theory', 'another hat', 'he  ate   there', 'tea? yes', 'a'];
    const joined = texts.map((text) => text.replace(/ +/g, ' '));
    expect(await tokensOf(unigramTokenizer({ joinsSpaces: true }), texts)).toEqual(joined.map(plainTokens));
    expect(await tokensOf(unigramTokenizer({ joinsSpaces: false }), texts)).toEqual(texts.map(plainTokens));
    // The texts need what they are to show: an unknown character, and pieces that a greedy search would not take.
    expect(plainTokens('tea? yes')).toContain(unknownPiece);
  });
});
