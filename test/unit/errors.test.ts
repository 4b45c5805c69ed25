import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LoupeError } from '../../src/errors';

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('Nothing was thrown.');
};

describe('LoupeError.from', () => {
  it('tells of a missing file in words, and keeps what is known of the place', () => {
    const thrown = thrownBy(() => statSync('/nowhere/matrix.gguf'));
    expect(LoupeError.from(thrown, { file: '/nowhere/matrix.gguf' }).toJSON()).toEqual({
      code: 'not-found',
      message: 'There is no /nowhere/matrix.gguf.',
      file: '/nowhere/matrix.gguf',
    });
  });

  it('passes its own kind through, and tells other faults of the system from those of a computation', () => {
    const own = new LoupeError('malformed', 'Broken.', { byteOffset: 8 });
    expect(LoupeError.from(own, { file: 'other' })).toBe(own);
    expect(LoupeError.from(Object.assign(new Error('full'), { code: 'ENOSPC' })).code).toBe('io');
    expect(LoupeError.from(new RangeError('odd')).code).toBe('compute');
    expect(LoupeError.from(Object.assign(new Error(), { name: 'AbortError' })).code).toBe('cancelled');
    expect(LoupeError.from('text').message).toBe('text');
  });
});
