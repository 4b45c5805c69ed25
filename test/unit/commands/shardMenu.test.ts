import { describe, expect, it } from 'vitest';
import { shardItem, shardItems, sizeProblem } from '../../../src/commands/shardMenu';
import { bytesOfText, textOfBytes } from '../../../src/numeric/byteSize';

describe('sizes of files', () => {
  it('are read as people type them, and written as they are read', () => {
    expect(['2GB', '2 gib', '1.5MB', '1000', ' 7 kB '].map(bytesOfText)).toEqual([
      2_000_000_000, 2_147_483_648, 1_500_000, 1000, 7000,
    ]);
    expect(['', 'GB', '2 XB', '-1GB', '1e9', '99999999TB'].map(bytesOfText)).toEqual(
      new Array(6).fill(undefined),
    );
    expect([2e9, 2 ** 31, 1.5e6, 1_234_567, 1].map(textOfBytes)).toEqual([
      '2 GB',
      '2 GiB',
      '1.5 MB',
      '1234567 B',
      '1 B',
    ]);
    for (const bytes of [2e9, 2 ** 31, 1.5e6, 1_234_567, 1e12, 3 * 2 ** 20])
      expect(bytesOfText(textOfBytes(bytes))).toBe(bytes);
  });

  it('are refused with a reason while they are typed', () => {
    expect(sizeProblem('2GB')).toBeUndefined();
    expect(sizeProblem('1MB')).toBeUndefined();
    expect(sizeProblem('999999')).toBe('Files have at least 1 MB.');
    expect(sizeProblem('large')).toBe('Type a size, such as 500MB, 2GB or 3.5GiB.');
  });

  it('are offered with the number of files that each makes, a typed one among them', async () => {
    // 14 GB in two files of the source.
    const plan = async (bytes: number | undefined) => ({
      fileCount: bytes === undefined ? 2 : Math.ceil(14e9 / bytes),
    });
    const items = await shardItems(plan, 20e9);
    expect(items.map(({ value, label, description }) => [value, label, description])).toEqual([
      ['keep', 'As the model has them', '2 files'],
      [1e9, 'At most 1 GB', '14 files'],
      [2e9, 'At most 2 GB', '7 files'],
      [5e9, 'At most 5 GB', '3 files'],
      [10e9, 'At most 10 GB', '2 files'],
      [20e9, 'At most 20 GB', '1 file'],
      ['other', 'Another size...', undefined],
    ]);
    expect((await shardItems(plan, undefined)).length).toBe(6);
  });

  it('stand beside the target', () => {
    expect(shardItem('shards', undefined, { fileCount: 2 })).toMatchObject({
      label: 'Files as the model has them',
      description: '2 files',
    });
    expect(shardItem('shards', 5e9, { fileCount: 1 })).toMatchObject({
      label: 'Files of 5 GB at most',
      description: '1 file',
    });
    expect(shardItem('shards', undefined, { fileCount: 1 }, 'one file')).toMatchObject({
      label: 'One file',
      description: '',
    });
    expect(shardItem('shards', undefined, { fileCount: 2 }, 'one file').description).toBe('2 files');
  });
});
