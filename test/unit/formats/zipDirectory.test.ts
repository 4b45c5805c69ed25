import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countingSource, memorySource } from '../../../src/bytes/byteSource';
import { LoupeError } from '../../../src/errors';
import {
  entryDataOffset,
  entryHead,
  readZipDirectory,
  unpackEntry,
} from '../../../src/formats/zip/directory';
import { makeZip, type ZipFixture, type ZipOptions } from '../../fixtures/makeZip';

const bytes = (text: string) => new TextEncoder().encode(text);
const entries: readonly ZipFixture[] = [
  { name: 'a/one', data: bytes('first'), padding: 13 },
  { name: 'a/zwei-ö', data: bytes('second'.repeat(40)), deflated: true },
  { name: 'empty', data: new Uint8Array(0) },
];
const open = (list: readonly ZipFixture[] = entries, options: ZipOptions = {}) =>
  readZipDirectory(memorySource(makeZip(list, options), 'test.zip'));

describe('readZipDirectory', () => {
  it.each([
    ['plain', {}],
    ['with a comment that looks like an end record', { comment: 'xPK\u0005\u0006'.padEnd(60, 'y') }],
    ['with the longest comment', { comment: 'c'.repeat(65_535) }],
    ['with a Zip64 end record', { zip64: true }],
  ])('lists entries %s', async (_, options) => {
    const { entries: found } = await open(entries, options);
    expect(found.map(({ name, method, bytes: size }) => [name, method, size])).toEqual([
      ['a/one', 0, 5],
      ['a/zwei-ö', 8, 240],
      ['empty', 0, 0],
    ]);
  });

  it('finds the data behind a local header that is longer than the directory says, Zip64 or not', async () => {
    for (const zip64 of [false, true]) {
      const file = makeZip(
        entries.map((entry) => ({ ...entry, zip64 })),
        { zip64 },
      );
      const source = memorySource(file);
      const directory = await readZipDirectory(source);
      const [one, two] = directory.entries;
      const at = await entryDataOffset(source, one!, directory.byteOffset);
      expect(new TextDecoder().decode(file.subarray(at, at + 5))).toBe('first');
      const whole = await unpackEntry(source, two!, directory.byteOffset, 1000);
      expect(new TextDecoder().decode(whole)).toBe('second'.repeat(40));
      const head = await entryHead(source, two!, directory.byteOffset, 9);
      expect(new TextDecoder().decode(head)).toBe('secondsec'.slice(0, head.length));
      expect(head.length).toBeGreaterThan(3);
    }
  });

  it('reads the end and the directory, nothing of the data', async () => {
    const file = makeZip([{ name: 'big', data: new Uint8Array(3_000_000) }]);
    const source = countingSource(memorySource(file));
    await readZipDirectory(source);
    expect(source.bytesRead).toBeLessThan(200);
  });

  it.each<[string, RegExp, readonly ZipFixture[], ZipOptions]>([
    ['an entry beyond the data', /goes beyond/, [{ ...entries[0]!, claimedOffset: 5000 }], {}],
    ['entries that share bytes', /share bytes/, [entries[0]!, { ...entries[2]!, claimedOffset: 0 }], {}],
    ['a name twice', /twice/, [entries[0]!, entries[0]!], {}],
    ['two sizes of a stored entry', /goes beyond/, [{ ...entries[0]!, claimedBytes: 50_000 }], {}],
    ['too many entries claimed', /claims 9000 entries/, entries, { claimedCount: 9000 }],
    ['a directory beyond the file', /beyond its own end/, entries, { claimedDirectoryOffset: 70_000 }],
    ['a directory in the wrong place', /fewer entries/, entries, { claimedDirectoryOffset: 3 }],
    [
      'a Zip64 offset beyond the file',
      /beyond 2\^53/,
      [{ ...entries[0]!, zip64: true, claimedOffset: 2n ** 63n }],
      {},
    ],
    [
      'a Zip64 size of a petabyte',
      /goes beyond/,
      [{ ...entries[0]!, zip64: true, claimedBytes: 2n ** 50n }],
      {},
    ],
    ['a Zip64 record that is not there', /Zip64/, entries, { zip64: true, claimedEndOffset: 4n }],
    ['a Zip64 record beyond the file', /Zip64/, entries, { zip64: true, claimedEndOffset: 2n ** 60n }],
    [
      'a Zip64 count of billions',
      /goes beyond the file/,
      entries,
      { zip64: true, claimedCount: 4_000_000_000 },
    ],
  ])('refuses %s', async (_, message, list, options) => {
    await expect(open(list, options)).rejects.toThrow(message);
  });

  it('refuses an archive without its end, and a local header of another name', async () => {
    const file = makeZip(entries);
    await expect(readZipDirectory(memorySource(file.subarray(0, file.length - 5)))).rejects.toThrow(
      /no directory/,
    );
    const source = memorySource(makeZip([{ ...entries[0]!, localName: 'b/one' }]));
    const directory = await readZipDirectory(source);
    await expect(entryDataOffset(source, directory.entries[0]!, directory.byteOffset)).rejects.toThrow(
      /two names/,
    );
  });

  it('does not unpack a bomb', async () => {
    const source = memorySource(
      makeZip([{ name: 'bomb', data: new Uint8Array(30_000_000), deflated: true }]),
    );
    const { entries: list, byteOffset } = await readZipDirectory(source);
    await expect(unpackEntry(source, list[0]!, byteOffset, 1_000_000)).rejects.toThrow(/too large/);
    expect((await entryHead(source, list[0]!, byteOffset, 512)).length).toBe(512);
  });

  it('either lists mutated archives within their bounds or throws a LoupeError', async () => {
    const base = makeZip(
      entries.map((entry) => ({ ...entry, zip64: true })),
      { zip64: true },
    );
    const edits = fc.array(fc.record({ at: fc.nat(base.length - 1), byte: fc.nat(255) }), { maxLength: 3 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(edits, fc.nat(base.length), fc.boolean(), async (changes, cut, isCut) => {
        const file = base.slice(0, isCut ? cut : base.length);
        for (const { at, byte } of changes) if (at < file.length) file[at] = byte;
        try {
          const source = memorySource(file);
          const directory = await readZipDirectory(source);
          for (const entry of directory.entries) {
            const at = await entryDataOffset(source, entry, directory.byteOffset);
            expect(at + entry.packedBytes).toBeLessThanOrEqual(file.length);
          }
        } catch (error) {
          if (!(error instanceof LoupeError)) throw error;
          refused++;
          expect(['malformed', 'unsupported']).toContain(error.code);
        }
      }),
      { numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
