import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../src/bytes/byteSource';
import { LoupeError } from '../../../src/errors';
import { readSafetensors } from '../../../src/formats/safetensors/reader';
import { rawSafetensors } from '../../fixtures/makeCheckpoint';

/** What comes of a header, padded to one length, without places: white space moves those. */
async function outcome(header: string): Promise<unknown> {
  try {
    const { tensors, findings } = await readSafetensors(
      memorySource(rawSafetensors(header.padEnd(512), new Uint8Array(64))),
    );
    return {
      tensors: tensors.map(({ byteOffset: _, ...tensor }) => tensor),
      findings: findings.map(({ code }) => code),
    };
  } catch (thrown) {
    if (!(thrown instanceof LoupeError)) throw thrown;
    return { code: thrown.code, tensor: thrown.tensor };
  }
}

const number = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 16 }).map(String) },
  fc.constantFrom(
    '00',
    '01',
    '-1',
    '1.0',
    '1e1',
    '',
    '9007199254740991',
    '9007199254740992',
    '999999999999999',
    '"1"',
  ),
);
const list = fc.array(number, { maxLength: 4 }).map((numbers) => `[${numbers.join(',')}]`);
const entry = fc
  .record({
    dtype: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('F32', 'U8', 'BF16', 'F4') },
      fc.constantFrom('', 'Q4_0', 'F\\u003332', 'averylongdtypename', 'F32"', '\u00e9'),
    ),
    shape: fc.oneof({ weight: 5, arbitrary: list }, fc.constantFrom('[', '[1,]', '{}', '[1 2]')),
    offsets: fc.oneof(
      { weight: 5, arbitrary: fc.tuple(number, number).map(([a, b]) => `[${a},${b}]`) },
      list,
      fc.constant('[0,4],"x":1'),
    ),
  })
  .map(({ dtype, shape, offsets }) => `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`);

describe('an entry as the reference writes it', () => {
  it('comes to the same as one with white space, which is read member by member', async () => {
    let opened = 0;
    await fc.assert(
      fc.asyncProperty(entry, async (text) => {
        const quick = await outcome(`{"a":${text}}`);
        expect(await outcome(`{"a":${text.replace('{"dtype":', '{ "dtype" : ')}}`)).toEqual(quick);
        if ((quick as { tensors?: unknown }).tensors) opened++;
      }),
      { numRuns: 3000 },
    );
    expect(opened).toBeGreaterThan(0);
  });

  it('is refused wherever it is cut off', async () => {
    const whole = '{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}';
    expect(await outcome(whole)).toMatchObject({
      tensors: [{ name: 'a', shape: [2, 2], bytes: 16, elements: 4 }],
    });
    for (let length = 1; length < whole.length; length++)
      expect(await outcome(whole.slice(0, length)), whole.slice(0, length)).toMatchObject({
        code: 'malformed',
      });
  });
});
