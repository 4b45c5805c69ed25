/** Runs many async pieces of work with a bounded number under way, and hands results over in order. */
import { throwIfAborted } from '../../errors';

/**
 * Calls `work` on each item, at most `width` at a time, and `take` on the results in the items' order, whatever the
 * order in which they finish: sums that are merged so do not depend on timing. The first failure stops the
 * start of further work and rejects once everything under way has settled, so that nothing runs on behind
 * the caller's back. No more than `width` results are held.
 */
export async function inOrder<Item, Result>(
  items: Iterable<Item>,
  width: number,
  signal: AbortSignal | undefined,
  work: (item: Item) => Promise<Result>,
  take: (result: Result, item: Item) => void | Promise<void>,
): Promise<void> {
  const underWay: { item: Item; promise: Promise<Result> }[] = [];
  const iterator = items[Symbol.iterator]();
  let ended = false;
  try {
    for (;;) {
      while (!ended && underWay.length < width) {
        throwIfAborted(signal);
        const next = iterator.next();
        if (next.done) ended = true;
        else {
          const promise = work(next.value);
          // It is awaited below; until then a rejection is not unhandled.
          promise.catch(() => {});
          underWay.push({ item: next.value, promise });
        }
      }
      const first = underWay.shift();
      if (!first) return;
      try {
        await take(await first.promise, first.item);
      } catch (thrown) {
        await Promise.allSettled(underWay.map(({ promise }) => promise));
        throw thrown;
      }
    }
  } catch (thrown) {
    await Promise.allSettled(underWay.map(({ promise }) => promise));
    throw thrown;
  }
}

/**
 * Calls `work` on units in their order while the weights under way come to at most `capacity`; a heavier one runs alone.
 * The first failure fires `stop`, and rejects once everything under way has settled.
 */
export async function runWeighted<Unit extends { readonly weight: number }>(
  units: Iterable<Unit>,
  capacity: number,
  stop: AbortController,
  work: (unit: Unit) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let load = 0;
  let failure: { readonly thrown: unknown } | undefined;
  for (const unit of units) {
    while (underWay.size > 0 && load + unit.weight > capacity) await Promise.race(underWay);
    if (stop.signal.aborted) break;
    load += unit.weight;
    const running: Promise<void> = work(unit)
      .catch((thrown) => {
        failure ??= { thrown };
        stop.abort();
      })
      .finally(() => {
        load -= unit.weight;
        underWay.delete(running);
      });
    underWay.add(running);
  }
  await Promise.all(underWay);
  if (failure) throw failure.thrown;
}
