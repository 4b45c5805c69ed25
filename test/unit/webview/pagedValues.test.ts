import { describe, expect, it } from 'vitest';
import { PagedValues, pageLength, visibleText } from '../../../webview-ui/state/pagedValues';

const never = new AbortController().signal;

function counted(length: number) {
  const asked: [number, number][] = [];
  const values = new PagedValues(length, async (start, count) => {
    asked.push([start, count]);
    return Array.from({ length: Math.min(count, length - start) }, (_, i) => `token${start + i}`);
  });
  return { asked, values };
}

describe('a paged array', () => {
  it('reads only the pages that are looked at, and each once', async () => {
    const { asked, values } = counted(150_000);
    expect(values.get(0)).toBeUndefined();
    await Promise.all([values.ensure(700, 720, never), values.ensure(705, 730, never)]);
    expect(asked).toEqual([[pageLength, pageLength]]);
    expect(values.get(705)).toBe('token705');
    await values.ensure(700, 720, never);
    expect(asked).toHaveLength(1);
  });

  it('reads no further than the end', async () => {
    const { asked, values } = counted(600);
    await values.ensure(590, 640, never);
    expect(asked).toEqual([[512, 88]]);
    expect(values.get(599)).toBe('token599');
    expect(values.get(600)).toBeUndefined();
  });

  it('has its head at once, and still reads the page when asked', async () => {
    const values = new PagedValues(600, async (start, count) => new Array<string>(count).fill(`${start}`), [
      'first',
    ]);
    expect(values.get(0)).toBe('first');
    expect(values.get(1)).toBeUndefined();
    expect(await values.search('0', () => undefined, never)).toHaveLength(600);
  });

  it('asks again after a page failed', async () => {
    let fails = true;
    const values = new PagedValues(10, async () => {
      if (fails) throw new Error('no');
      return [true, false];
    });
    await expect(values.ensure(0, 2, never)).rejects.toThrow('no');
    fails = false;
    await values.ensure(0, 2, never);
    expect(values.get(1)).toBe(false);
  });

  it('searches everything, tells how far it is, and reuses what it read', async () => {
    const { asked, values } = counted(10_000);
    const told: number[] = [];
    const found = await values.search('TOKEN999', (searched) => told.push(searched), never);
    expect(found).toEqual([999, ...Array.from({ length: 10 }, (_, i) => 9990 + i)]);
    expect(told).toEqual([4096, 8192, 10_000]);
    const before = asked.length;
    await values.search('x', () => undefined, never);
    expect(asked.length).toBe(before);
  });

  it('stops a search when told', async () => {
    const { values } = counted(100_000);
    const abort = new AbortController();
    const searching = values.search('zzz', (searched) => searched > 8000 && abort.abort(), abort.signal);
    await expect(searching).rejects.toThrow('Cancelled');
  });
});

describe('visible text', () => {
  it('writes what cannot be seen as escapes', () => {
    expect(visibleText('a\nb\t\u0000\u202e\u200b')).toBe('a\\nb\\t\\u{0}\\u{202e}\\u{200b}');
    expect(visibleText('▁Hello é 😀')).toBe('▁Hello é 😀');
    expect(visibleText(-1.5)).toBe('-1.5');
  });
});
