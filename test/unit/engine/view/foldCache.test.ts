import { describe, expect, it } from 'vitest';
import { FoldCache } from '../../../../src/engine/view/foldCache';
import { LoupeError } from '../../../../src/errors';
import { failureOf } from '../support';

const cells = (count: number) => ({ extreme: new Float32Array(count) });
const never = new AbortController().signal;

/** Work that ends when told to. */
function work() {
  let finish = (_: { extreme: Float32Array }) => {};
  let stopped = false;
  const compute = (signal: AbortSignal) =>
    new Promise<{ extreme: Float32Array }>((resolve, reject) => {
      finish = resolve;
      signal.addEventListener('abort', () => {
        stopped = true;
        reject(new LoupeError('cancelled', 'Cancelled.'));
      });
    });
  return { compute, finish: (count: number) => finish(cells(count)), isStopped: () => stopped };
}

describe('kept cells', () => {
  it('are computed once, for those that wait and those that come later', async () => {
    const cache = new FoldCache(1000);
    let calls = 0;
    const compute = async () => {
      calls++;
      return cells(10);
    };
    const [one, two] = await Promise.all([cache.get('a', never, compute), cache.get('a', never, compute)]);
    expect(await cache.get('a', never, compute)).toBe(one);
    expect(two).toBe(one);
    expect(calls).toBe(1);
  });

  it('go when there are too many bytes, those not used longest first', async () => {
    const cache = new FoldCache(250);
    const computed: string[] = [];
    const get = (key: string) =>
      cache.get(key, never, async () => {
        computed.push(key);
        return cells(25);
      });
    await get('a');
    await get('b');
    await get('a');
    await get('c');
    await get('a');
    await get('b');
    expect(computed).toEqual(['a', 'b', 'c', 'b']);
  });

  it('go on being computed while one still waits, and stop when none does', async () => {
    const cache = new FoldCache(1000);
    const one = work();
    const first = new AbortController();
    const second = new AbortController();
    const a = failureOf(cache.get('a', first.signal, one.compute));
    const b = cache.get('a', second.signal, one.compute);
    first.abort();
    expect(await a).toMatchObject({ code: 'cancelled' });
    expect(one.isStopped()).toBe(false);
    one.finish(4);
    expect((await b).extreme?.length).toBe(4);

    const other = work();
    const c = failureOf(cache.get('c', second.signal, other.compute));
    second.abort();
    expect(await c).toMatchObject({ code: 'cancelled' });
    expect(other.isStopped()).toBe(true);
    const again = cache.get('c', never, async () => cells(7));
    expect((await again).extreme?.length).toBe(7);
  });

  it('are not kept when computing them failed', async () => {
    const cache = new FoldCache(1000);
    const fail = async () => {
      throw new LoupeError('io', 'It failed.');
    };
    expect(await failureOf(cache.get('a', never, fail))).toMatchObject({ code: 'io' });
    expect((await cache.get('a', never, async () => cells(3))).extreme?.length).toBe(3);
  });
});
