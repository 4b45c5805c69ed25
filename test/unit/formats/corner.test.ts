/** Malformed and unusual files, each against what the format's reference implementation did with it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countingSource, openFileSource } from '../../../src/bytes/byteSource';
import { LoupeError } from '../../../src/errors';
import type { Checkpoint } from '../../../src/formats/checkpoint';
import { openCheckpoint } from '../../../src/formats/open';
import { sharedPath } from '../../fixtures/shared';

/**
 * The one leniency: the reference refuses these, but their headers are whole. They open with error findings of
 * exactly these codes, and this many of their tensors cannot be read.
 */
const lenient: Readonly<Record<string, { codes: string[]; unreadable: number }>> = {
  'hole.safetensors': { codes: ['data-gap'], unreadable: 0 },
  'first_not_zero.safetensors': { codes: ['data-gap'], unreadable: 0 },
  'truncated.safetensors': { codes: ['truncated-data'], unreadable: 1 },
  'truncated_all.safetensors': { codes: ['truncated-data'], unreadable: 1 },
  'overlap_same.safetensors': { codes: ['data-overlap'], unreadable: 10 },
  'offsets_past_eof.safetensors': { codes: ['data-gap', 'truncated-data'], unreadable: 1 },
  'lcpp_TENSORS_SUCCESS.gguf': { codes: ['truncated-data'], unreadable: 77 },
  'lcpp_TENSORS_CUSTOM_ALIGN.gguf': { codes: ['truncated-data'], unreadable: 77 },
  'lcpp_TENSORS_BAD_TYPE.gguf': { codes: ['truncated-data', 'unknown-type'], unreadable: 77 },
  'lcpp_DATA_INCONSISTENT_ALIGN.gguf': {
    codes: ['data-unpadded', 'truncated-data', 'unaligned-data'],
    unreadable: 1,
  },
  'x_trunc_data.gguf': { codes: ['truncated-data'], unreadable: 1 },
  'x_no_data.gguf': { codes: ['truncated-data'], unreadable: 1 },
  'x_alignment_2147483648.gguf': { codes: ['truncated-data'], unreadable: 1 },
  'x_tensor_gap.gguf': { codes: ['data-gap'], unreadable: 0 },
  'x_tensor_offset_unaligned.gguf': { codes: ['data-gap', 'unaligned-data'], unreadable: 0 },
  'x_tensor_type_4.gguf': { codes: ['removed-type'], unreadable: 1 },
  'x_tensor_type_31.gguf': { codes: ['removed-type'], unreadable: 1 },
  'x_tensor_type_32.gguf': { codes: ['removed-type'], unreadable: 1 },
  'x_tensor_type_33.gguf': { codes: ['removed-type'], unreadable: 1 },
  'x_tensor_type_36.gguf': { codes: ['removed-type'], unreadable: 1 },
  'x_tensor_type_37.gguf': { codes: ['removed-type'], unreadable: 1 },
  'x_tensor_type_38.gguf': { codes: ['removed-type'], unreadable: 1 },
  'x_tensor_type_99.gguf': { codes: ['unknown-type'], unreadable: 1 },
};

/** The references accept these all the same; see the case's own words in the lists. */
const mustBeRefused = new Set(['x_tensor_dim_overflow.gguf']);

/** llama.cpp refuses these; they are read here. */
const readHere = new Set([
  'x_big_endian.gguf',
  'x_ok_v1_32bit_counts.gguf',
  'lcpp_HEADER_BAD_VERSION_1.gguf',
]);

/** What the refusal has to say, where the reason is worth naming. */
const reasons: Readonly<Record<string, RegExp>> = {
  'lfs_pointer.safetensors': /Git LFS pointer/,
  'pickle_named.safetensors': /PyTorch zip/,
  'gguf_named.safetensors': /GGUF/,
  'json_bom.safetensors': /must be a JSON object/,
  'not_utf8.safetensors': /UTF-8/,
  'dup_key.safetensors': /listed twice/,
  'shape_js_precision.safetensors': /9007199254740993/,
  'shape_overflow.safetensors': /18446744073709551614/,
  'header_huge.safetensors': /18446742974197923900/,
  'f4_odd.safetensors': /whole bytes/,
  'x_nested_array.gguf': /array of arrays/,
  'x_tensor_dim_overflow.gguf': /more elements than can be counted/,
  'x_alignment_7.gguf': /power of two/,
  'lcpp_KV_DUPLICATE_KEY.gguf': /"my_key_0" appears twice/,
  'lcpp_TENSORS_DUPLICATE_NAME.gguf': /two tensors are named "my_tensor"/i,
};

interface Case {
  file: string;
  bytes: number;
  case: string;
  reference_measured?: string;
  llama_cpp?: { meta: string; data: string };
}

interface Outcome {
  checkpoint?: Checkpoint;
  error?: unknown;
  bytesRead: number;
}

async function open(path: string): Promise<Outcome> {
  const sources: ReturnType<typeof countingSource>[] = [];
  const openSource = async (file: string) => {
    const source = countingSource(await openFileSource(file));
    sources.push(source);
    return source;
  };
  const bytesRead = () => sources.reduce((sum, source) => sum + source.bytesRead, 0);
  try {
    return { checkpoint: await openCheckpoint(path, { openSource }), bytesRead: bytesRead() };
  } catch (error) {
    return { error, bytesRead: bytesRead() };
  }
}

function check(entry: Case, accepted: boolean, outcome: Outcome): void {
  // However much a header claims, no more is read than there is, detection's first bytes once again.
  expect(outcome.bytesRead).toBeLessThanOrEqual(entry.bytes + 64);
  const { checkpoint, error } = outcome;
  const expected = lenient[entry.file];
  if (!expected && (!accepted || mustBeRefused.has(entry.file))) {
    expect(checkpoint, 'must be refused').toBeUndefined();
    expect(error).toBeInstanceOf(LoupeError);
    const refusal = error as LoupeError;
    expect(['malformed', 'unsupported', 'not-a-checkpoint']).toContain(refusal.code);
    expect(refusal.file).toContain(entry.file);
    expect(refusal.byteOffset).toBeGreaterThanOrEqual(0);
    expect(refusal.byteOffset).toBeLessThanOrEqual(entry.bytes);
    expect(refusal.message).toMatch(reasons[entry.file] ?? /^[A-Z"].*\.$/s);
    expect(refusal.message.length).toBeLessThan(400);
    return;
  }
  if (error) throw error;
  const errors = checkpoint!.findings.filter(({ severity }) => severity === 'error');
  expect([...new Set(errors.map(({ code }) => code))].sort()).toEqual(expected?.codes ?? []);
  expect(checkpoint!.tensors.filter(({ unreadable }) => unreadable !== undefined)).toHaveLength(
    expected?.unreadable ?? 0,
  );
  for (const finding of errors) expect(finding.file).toContain(entry.file);
}

const safetensors = sharedPath('corner/safetensors.json');
describe.skipIf(!safetensors)('safetensors files against the Rust reference', () => {
  const cases = safetensors ? (JSON.parse(readFileSync(safetensors, 'utf8')) as Case[]) : [];
  it.each(cases)('$file: $case', async (entry) => {
    const outcome = await open(join(safetensors!, '..', 'safetensors', entry.file));
    const verdict = /^(ACCEPT|REJECT)(?: (\d+) tensors)?/.exec(entry.reference_measured!)!;
    check(entry, verdict[1] === 'ACCEPT', outcome);
    if (verdict[2]) expect(outcome.checkpoint!.tensors).toHaveLength(Number(verdict[2]));
  });

  it('keeps a tensor named __proto__ as a tensor', async () => {
    const { checkpoint } = await open(join(safetensors!, '..', 'safetensors', 'name_proto.safetensors'));
    expect(checkpoint!.tensors.map(({ name }) => name)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });

  it('warns of a tensor listed twice alike', async () => {
    const { checkpoint } = await open(join(safetensors!, '..', 'safetensors', 'dup_key_same.safetensors'));
    expect(checkpoint!.findings.map(({ severity, code }) => [severity, code])).toEqual([
      ['warning', 'duplicate-name'],
      ['info', 'unaligned-data'],
    ]);
  });

  it('lists tensors in the order of their bytes', async () => {
    const { checkpoint } = await open(join(safetensors!, '..', 'safetensors', 'ok_unordered.safetensors'));
    const offsets = checkpoint!.tensors.map(({ byteOffset }) => byteOffset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  });
});

const gguf = sharedPath('corner/gguf.json');
describe.skipIf(!gguf)('GGUF files against llama.cpp', () => {
  const cases = gguf ? (JSON.parse(readFileSync(gguf, 'utf8')) as Case[]) : [];
  it.each(cases)('$file: $case', async (entry) => {
    const outcome = await open(join(gguf!, '..', 'gguf', entry.file));
    check(entry, readHere.has(entry.file) || entry.llama_cpp!.data.startsWith('ACCEPT'), outcome);
    const counts = /kv=(\d+) tensors=(\d+)/.exec(entry.llama_cpp!.meta);
    if (counts && outcome.checkpoint) {
      expect(outcome.checkpoint.metadata).toHaveLength(Number(counts[1]));
      expect(outcome.checkpoint.tensors).toHaveLength(Number(counts[2]));
    }
  });

  it('gives every type of llama.cpp its size: the file has neither a gap nor an overlap', async () => {
    const { checkpoint } = await open(join(gguf!, '..', 'gguf', 'lcpp_DATA_CUSTOM_ALIGN.gguf'));
    const last = checkpoint!.tensors.at(-1)!;
    // Its texts are random bytes.
    expect(checkpoint!.findings.map(({ code }) => code)).toEqual(['non-utf8']);
    expect(last.byteOffset + last.bytes).toBe(checkpoint!.files[0]!.bytes);
    expect(new Set(checkpoint!.tensors.map(({ dtype }) => dtype)).size).toBeGreaterThan(25);
  });
});
