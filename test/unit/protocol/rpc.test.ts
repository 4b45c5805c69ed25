import { describe, expect, it } from 'vitest';
import { LoupeError } from '../../../src/errors';
import { type Channel, type Handlers, Rpc, type RpcMessage } from '../../../src/protocol/rpc';

type Served = {
  add: { params: { a: number; b: number }; result: number };
  count: { params: { to: number }; result: string; progress: number };
  wait: { params: Record<string, never>; result: undefined };
  fail: { params: { kind: 'loupe' | 'plain' }; result: undefined };
};
// biome-ignore lint/complexity/noBannedTypes: one side serves nothing.
type Nothing = {};

/** Two ends of a wire that delivers asynchronously and, like a real one, only structured clones. */
function wire(): [Channel, Channel] {
  const listeners: ((message: RpcMessage) => void)[][] = [[], []];
  const end = (own: number, other: number): Channel => ({
    post: (message) => {
      const copy = structuredClone(message);
      queueMicrotask(() => {
        for (const listener of listeners[other]!) listener(copy);
      });
    },
    onMessage: (listener) => listeners[own]!.push(listener),
  });
  return [end(0, 1), end(1, 0)];
}

let aborted = 0;
const handlers: Handlers<Served> = {
  add: ({ a, b }) => a + b,
  count: async ({ to }, { progress }) => {
    for (let i = 1; i <= to; i++) progress(i);
    return 'done';
  },
  wait: (_, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        aborted++;
        reject(new LoupeError('cancelled', 'Cancelled.'));
      });
    }),
  fail: ({ kind }) => {
    if (kind === 'loupe')
      throw new LoupeError('malformed', 'Bad header.', { file: 'f', tensor: 't', byteOffset: 8 });
    throw new TypeError('plain');
  },
};

function pair(): { client: Rpc<Nothing, Served>; server: Rpc<Served, Nothing> } {
  const [left, right] = wire();
  return { server: new Rpc<Served, Nothing>(left, handlers), client: new Rpc<Nothing, Served>(right, {}) };
}

describe('Rpc', () => {
  it('answers, interleaved', async () => {
    const { client } = pair();
    expect(
      await Promise.all([client.call('add', { a: 1, b: 2 }), client.call('add', { a: 3, b: 4 })]),
    ).toEqual([3, 7]);
  });

  it('delivers progress in order before the result', async () => {
    const { client } = pair();
    const seen: number[] = [];
    expect(await client.call('count', { to: 4 }, { progress: (n) => seen.push(n) })).toBe('done');
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('carries a LoupeError whole, and wraps anything else that a handler throws', async () => {
    const { client } = pair();
    await expect(client.call('fail', { kind: 'loupe' })).rejects.toMatchObject({
      code: 'malformed',
      message: 'Bad header.',
      file: 'f',
      tensor: 't',
      byteOffset: 8,
    });
    await expect(client.call('fail', { kind: 'plain' })).rejects.toMatchObject({
      code: 'compute',
      message: 'plain',
    });
  });

  it('refuses methods that do not exist, inherited ones included', async () => {
    const { client } = pair();
    await expect(client.call('toString' as 'wait', {})).rejects.toMatchObject({ code: 'usage' });
    await expect(client.call('__proto__' as 'wait', {})).rejects.toMatchObject({ code: 'usage' });
  });

  it('cancels through the other side, and at once when the signal has fired already', async () => {
    const { client } = pair();
    aborted = 0;
    const controller = new AbortController();
    const waiting = client.call('wait', {}, { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    expect(aborted).toBe(1);
    await expect(client.call('wait', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(aborted).toBe(1);
  });

  it('fails open calls and aborts served ones when the channel is gone', async () => {
    const { client, server } = pair();
    aborted = 0;
    const waiting = client.call('wait', {});
    await new Promise((resolve) => setTimeout(resolve, 5));
    client.close(new LoupeError('engine-died', 'Gone.'));
    server.close(new LoupeError('engine-died', 'Gone.'));
    await expect(waiting).rejects.toMatchObject({ code: 'engine-died' });
    expect(aborted).toBe(1);
  });
});
