/** The jobs of a window: what is said of them, and what becomes of those that waited when the engine ended. */
import { describe, expect, it } from 'vitest';
import { jobDetail, jobPlace, linkless, statusBarText, timeText } from '../../../src/editor/jobText';
import { type Job, JobTracker } from '../../../src/editor/jobTracker';
import { LoupeError } from '../../../src/errors';
import type { QuantizeProgress } from '../../../src/protocol/engineApi';

const told = (more: Partial<QuantizeProgress> = {}): QuantizeProgress => ({
  tensor: 'a',
  tensorsDone: 0,
  tensorsTotal: 10,
  bytesDone: 0,
  bytesTotal: 2 ** 30,
  ...more,
});

/** A tracker with a job that ends when `end` is called. */
function started(name = 'model') {
  const tracker = new JobTracker();
  let end: () => void = () => {};
  const { job, result } = tracker.start(
    name,
    'NF4',
    () =>
      new Promise<string>((resolve) => {
        end = () => resolve('done');
      }),
  );
  return { tracker, job, result, end: () => end() };
}

describe('a job', () => {
  it('tells its share, the time left by the speed of its last seconds, and bytes', () => {
    const { job } = started();
    expect(jobDetail(job)).toBe('starting');
    job.tell(told(), 0);
    expect(jobDetail(job)).toBe('0 % · 0 B of 1.00 GiB');
    // A quarter in 30 s: the other three take 90 s, which is closer to two minutes than to one.
    job.tell(told({ bytesDone: 2 ** 28, tensorsDone: 0 }), 30_000);
    expect(jobDetail(job)).toBe('25 % · 2 min left · 256 MiB of 1.00 GiB');
    job.cancel();
    expect(jobDetail(job)).toBe('being cancelled · 256 MiB of 1.00 GiB');
    expect(job.signal.aborted).toBe(true);
  });

  it('that waits says for how many', () => {
    const { job } = started();
    job.tell(told({ waitingFor: 2 }), 0);
    expect(jobPlace(job)).toBe('waits for 2 jobs');
    job.tell(told({ waitingFor: 1 }), 1);
    expect(jobDetail(job)).toBe('waits for a job');
    job.tell(told(), 2);
    expect(jobPlace(job)).toBe('0 %');
  });

  it('goes to the background and comes back, and everyone hears of it until it has ended', async () => {
    const { tracker, job, result, end } = started();
    let changes = 0;
    const stop = tracker.onDidChange(() => changes++);
    job.sendToBackground();
    expect([job.isInBackground, changes]).toEqual([true, 1]);
    job.bringToFront();
    expect([job.isInBackground, changes]).toEqual([false, 2]);
    end();
    expect(await result).toBe('done');
    expect([tracker.jobs.length, changes, tracker.job(job.id)]).toEqual([0, 3, undefined]);
    stop();
  });
});

describe('the end of the compute process', () => {
  const died = () => new LoupeError('engine-died', 'It ended.');

  it('starts a waiting job once more, and fails the one that ran', async () => {
    const tracker = new JobTracker();
    const attempts: string[] = [];
    const run = (name: string, waits: boolean) =>
      tracker.start(name, 'NF4', async (job: Job) => {
        attempts.push(name);
        job.tell(
          told(waits && attempts.filter((one) => one === name).length === 1 ? { waitingFor: 1 } : {}),
          0,
        );
        if (attempts.filter((one) => one === name).length === 1) throw died();
        return 'done';
      }).result;
    const running = run('running', false);
    const waiting = run('waiting', true);
    await expect(running).rejects.toMatchObject({ code: 'engine-died' });
    expect(await waiting).toBe('done');
    expect(attempts).toEqual(['running', 'waiting', 'waiting']);
  });

  it('does not bring back a waiting job that was cancelled', async () => {
    const tracker = new JobTracker();
    let attempts = 0;
    const { result } = tracker.start('model', 'NF4', async (job) => {
      attempts++;
      job.tell(told({ waitingFor: 1 }), 0);
      job.cancel();
      throw died();
    });
    await expect(result).rejects.toMatchObject({ code: 'engine-died' });
    expect(attempts).toBe(1);
  });
});

describe('texts', () => {
  it('of times are in the unit that one would say', () => {
    const texts = [0.2, 8.4, 54, 59, 89, 3540, 3600, 4800].map(timeText);
    expect(texts).toEqual(['1 s', '8 s', '54 s', '1 min', '1 min', '59 min', '1 h', '1 h 20 min']);
  });

  it('in the status bar name the oldest job and count the others; a name makes no icon', () => {
    expect(statusBarText([])).toBeUndefined();
    const first = started('a$(flame)b').job;
    first.tell(told({ bytesDone: 2 ** 29 }), 0);
    expect(statusBarText([first])).toBe('$(sync~spin) a$ (flame)b 50 %');
    const second = started('x'.repeat(60)).job;
    expect(statusBarText([first, second])).toBe('$(sync~spin) a$ (flame)b 50 % (+1)');
    expect(statusBarText([second])).toBe(`$(sync~spin) ${'x'.repeat(29)}… starting`);
  });

  it('in notifications hold no links of foreign names', () => {
    // The pattern by which VS Code finds links in a notification's text (vs/base/common/linkedText.ts).
    const links = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;
    const name = '[press me](command:workbench.action.quit)';
    expect(links.test(name)).toBe(true);
    expect(links.test(linkless(name))).toBe(false);
    expect(linkless('model[0](1)')).toBe('model[0] (1)');
  });
});
