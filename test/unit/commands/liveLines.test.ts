import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveLines } from '../../../src/commands/liveLines';

interface Line {
  label: string;
  description?: string;
}

/** A list that behaves as VS Code's does: new lines begin at the first that is found. */
class FakeList {
  private lines: readonly Line[] = [];
  private active: readonly Line[] = [];
  private readonly listeners: ((active: readonly Line[]) => void)[] = [];
  exchanges = 0;
  value = '';

  readonly onDidChangeActive = (listener: (active: readonly Line[]) => void) => {
    this.listeners.push(listener);
    return { dispose() {} };
  };
  readonly onDidChangeValue = () => ({ dispose() {} });

  get items(): readonly Line[] {
    return this.lines;
  }
  set items(lines: readonly Line[]) {
    this.lines = lines;
    this.exchanges++;
    this.active = lines.filter(({ label }) => label.includes(this.value)).slice(0, 1);
  }
  get activeItems(): readonly Line[] {
    return this.active;
  }
  set activeItems(active: readonly Line[]) {
    this.active = active.filter((line) => this.lines.includes(line));
  }
  touch(label: string): void {
    this.active = this.lines.filter((line) => line.label === label);
    for (const listener of this.listeners) listener(this.active);
  }
}

const lines = (description?: string): Line[] =>
  ['Q8_0', 'Q6_K', 'Q4_K_M'].map((label) => ({ label, ...(description && { description }) }));

function opened(): { list: FakeList; live: LiveLines<Line> } {
  const list = new FakeList();
  list.items = lines();
  list.exchanges = 0;
  const live = new LiveLines<Line>(list as never, (one, other) => one.label === other.label);
  return { list, live };
}

describe('newer lines in an open list', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('are there at once while nobody moves, and seldom after that; the last ones stay', () => {
    const { list, live } = opened();
    live.offer(lines('size'));
    expect(list.items[0]).toMatchObject({ description: 'size' });
    for (let i = 0; i < 30; i++) {
      live.offer(lines(`error ${i}`));
      vi.advanceTimersByTime(100);
    }
    expect(list.exchanges).toBeLessThanOrEqual(3);
    vi.advanceTimersByTime(2000);
    expect(list.items[0]).toMatchObject({ description: 'error 29' });
    expect(list.activeItems).toEqual([{ label: 'Q8_0', description: 'error 29' }]);
  });

  it('wait while somebody moves, and then the same line is active', () => {
    const { list, live } = opened();
    list.touch('Q6_K');
    live.offer(lines('size'));
    for (let i = 0; i < 10; i++) {
      vi.advanceTimersByTime(300);
      list.touch('Q4_K_M');
    }
    expect(list.exchanges).toBe(0);
    vi.advanceTimersByTime(500);
    expect(list.exchanges).toBe(1);
    expect(list.activeItems).toEqual([{ label: 'Q4_K_M', description: 'size' }]);
  });

  it('follow who moved while they were on their way', () => {
    const { list, live } = opened();
    list.touch('Q6_K');
    live.offer(lines('size'));
    vi.advanceTimersByTime(500);
    expect(list.exchanges).toBe(1);
    // What VS Code tells: where somebody went before the lines came, then the first line, then the one that was asked for.
    list.touch('Q4_K_M');
    list.touch('Q8_0');
    list.touch('Q6_K');
    expect(list.activeItems).toEqual([{ label: 'Q4_K_M', description: 'size' }]);
    // Later moves are nobody's echo.
    list.touch('Q8_0');
    list.touch('Q6_K');
    expect(list.activeItems).toEqual([{ label: 'Q6_K', description: 'size' }]);
  });

  it('leave what is typed for to the list', () => {
    const { list, live } = opened();
    list.value = 'Q4';
    list.touch('Q4_K_M');
    live.offer(lines('size'));
    vi.advanceTimersByTime(500);
    expect(list.activeItems).toEqual([{ label: 'Q4_K_M', description: 'size' }]);
  });

  it('that stand for something else do not come once somebody has moved, nor any when it is over', () => {
    const { list, live } = opened();
    list.touch('Q4_K_M');
    live.offer([{ label: 'none' }]);
    vi.advanceTimersByTime(5000);
    expect(list.exchanges).toBe(0);
    list.touch('Q8_0');
    live.offer([{ label: 'none' }]);
    vi.advanceTimersByTime(200);
    live.dispose();
    vi.advanceTimersByTime(5000);
    expect(list.exchanges).toBe(0);
  });
});
