import { expect, it } from 'vitest';
import { ModelSummaries } from '../../../src/editor/models/modelSummaries';
import type { EngineClient } from '../../../src/engine/client';
import { LoupeError } from '../../../src/errors';

/** An engine that answers when it is told to. */
function slowEngine() {
  const asked: { path: string; answer: (value: unknown) => void; fail: (error: unknown) => void }[] = [];
  const call = (_: string, { path }: { path: string }) =>
    new Promise((answer, fail) => asked.push({ path, answer, fail }));
  return { asked, engine: { call } as unknown as Pick<EngineClient, 'call'> };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

it('reads two headers at a time, in the order asked for', async () => {
  const { asked, engine } = slowEngine();
  const summaries = new ModelSummaries(engine, async () => '1');
  const all = Promise.all(['a', 'b', 'c', 'd'].map((path) => summaries.get(path)));
  await turn();
  expect(asked.map(({ path }) => path)).toEqual(['a', 'b']);
  asked[0]!.answer('A');
  await turn();
  expect(asked.map(({ path }) => path)).toEqual(['a', 'b', 'c']);
  asked[1]!.answer('B');
  asked[2]!.fail(new LoupeError('malformed', 'It is broken.'));
  await turn();
  asked[3]!.answer('D');
  expect(await all).toEqual([{ brief: 'A' }, { brief: 'B' }, { refusal: 'It is broken.' }, { brief: 'D' }]);
  expect(summaries.known('a')).toEqual({ brief: 'A' });
});

it('reads again what has changed, and that alone', async () => {
  const { asked, engine } = slowEngine();
  let stamp: string | undefined = '1';
  const summaries = new ModelSummaries(engine, async () => stamp);
  const read = async (answer: string) => {
    const reading = summaries.get('a');
    // Asked for while it is read: one request.
    expect(summaries.get('a')).toBe(reading);
    await turn();
    asked.pop()?.answer(answer);
    return reading;
  };
  expect(await read('one')).toEqual({ brief: 'one' });
  expect(await read('two')).toEqual({ brief: 'one' });
  stamp = '2';
  expect(await read('three')).toEqual({ brief: 'three' });
  summaries.forget('a');
  expect(await read('four')).toEqual({ brief: 'four' });
  stamp = undefined;
  expect(await read('none')).toBeUndefined();
  expect(summaries.known('a')).toBeUndefined();
});

it('takes the end of the engine for no answer', async () => {
  const { asked, engine } = slowEngine();
  const summaries = new ModelSummaries(engine, async () => '1');
  const reading = summaries.get('a');
  await turn();
  asked[0]!.fail(new LoupeError('engine-died', 'Gone.'));
  expect(await reading).toBeUndefined();
  expect(summaries.known('a')).toBeUndefined();
});
