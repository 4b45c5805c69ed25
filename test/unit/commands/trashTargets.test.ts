import { expect, it } from 'vitest';
import { trashFailureText, trashTargets } from '../../../src/commands/trashTargets';

it('moves everything in order; what is gone already does not matter', async () => {
  const asked: string[] = [];
  const outcome = await trashTargets(['a', 'b', 'c'], async (target) => {
    asked.push(target);
    if (target === 'b') throw Object.assign(new Error('gone'), { code: 'FileNotFound' });
  });
  expect(asked).toEqual(['a', 'b', 'c']);
  expect(outcome).toEqual({ moved: ['a', 'c'] });
  expect(trashFailureText('m', outcome, 3)).toBeUndefined();
});

it('stops at the first that will not go, and says what stays', async () => {
  const asked: string[] = [];
  const outcome = await trashTargets(['a', 'b', 'c'], async (target) => {
    asked.push(target);
    if (target === 'b') throw new Error('It is in use.');
  });
  expect(asked).toEqual(['a', 'b']);
  expect(trashFailureText('m', outcome, 3)).toBe(
    '1 of 3 files of m were moved to the trash. b stays: It is in use.',
  );
});

it('says that there is no trash', async () => {
  const outcome = await trashTargets(['a'], async () => {
    throw new Error("Unable to delete file 'a' via trash because provider does not support it.");
  });
  expect(outcome.moved).toEqual([]);
  expect(trashFailureText('m', outcome, 1)).toContain('there is no trash where its files are');
});
