/** The tensor viewer's page in a real browser: what it remembers, what it says when something is wrong, its themes. */
import { describe, expect, it } from 'vitest';
import { executable, type Harness, TensorFixture } from './tensorFixture';

describe.skipIf(!executable)('page of the tensor viewer', { timeout: 60_000 }, () => {
  const viewer = new TensorFixture();
  const { open, settled, ready, region, figure, goTo, actions, choose } = viewer;

  it('remembers what was chosen and shown', async () => {
    await ready();
    await choose('scale', 'symmetric');
    await goTo([77, 88]);
    const state = await viewer.page.evaluate(() => (window as unknown as Harness).harness.state());
    const shown = await region();
    await viewer.page.close();
    await ready({ query: `state=${encodeURIComponent(JSON.stringify(state))}` });
    expect(await viewer.page.getByTestId('legend').getAttribute('aria-label')).toContain('symmetric');
    expect(await figure('row')).toBe(77);
    const [row0, row1, column0, column1] = await region();
    expect(Math.abs(row0! - shown[0]!)).toBeLessThanOrEqual(1);
    expect(Math.abs(row1! - shown[1]!)).toBeLessThanOrEqual(2);
    expect(Math.abs(column0! - shown[2]!)).toBeLessThanOrEqual(1);
    expect(Math.abs(column1! - shown[3]!)).toBeLessThanOrEqual(2);
  });

  it('says what is wrong, and goes on when asked', async () => {
    await open({ query: 'play=failing' });
    const failure = viewer.page.getByTestId('tile-failure');
    await failure.getByText('Reading the file failed at byte 4,096.').waitFor();
    await failure.getByText('Try again').click();
    await failure.waitFor({ state: 'detached' });
    await settled();
    await viewer.page.close();
    await open({ query: 'play=refused' });
    await viewer.page.getByTestId('refused').getByText('The file is no longer on disk.').waitFor();
    await viewer.page.close();
    await open({ query: 'play=unreadable' });
    await viewer.page.getByTestId('no-values').getByText('Values of type C128 are not read.').waitFor();
    await viewer.page.close();
    await open({ query: 'shape=0,5' });
    await viewer.page.getByTestId('no-values').getByText('The tensor is empty').waitFor();
    await viewer.page.close();
    await open({ query: 'play=opening' });
    await viewer.page.getByText('Opening the tensor…').waitFor();
  });

  it('tells that the file changed and that the engine ended', async () => {
    await ready();
    await viewer.page.evaluate(async () => {
      const { host } = (window as unknown as Harness).harness;
      await host.call('notice', { kind: 'changed', message: 'model.safetensors changed on disk.' });
      await host.call('notice', { kind: 'engine', message: 'The compute process ended unexpectedly.' });
    });
    await viewer.page.getByTestId('notice-engine').getByText('Go on').click();
    await viewer.page.getByTestId('notice-engine').waitFor({ state: 'detached' });
    await viewer.page.getByTestId('notice-changed').getByText('Read it again').click();
    await viewer.page.getByTestId('notice-changed').waitFor({ state: 'detached' });
    expect(await actions()).toContainEqual({ kind: 'reread' });
    await settled();
  });

  it('reads again by itself what was lost with the engine, and still tells of it', async () => {
    await ready({ query: 'play=dying' });
    await settled();
    expect(await viewer.page.getByTestId('tile-failure').count()).toBe(0);
    const notice = viewer.page.getByTestId('notice-engine');
    expect(await notice.innerText()).toContain('The compute process ended unexpectedly.');
    await notice.getByText('Go on').click();
    await notice.waitFor({ state: 'detached' });
  });

  it.each([
    ['dark', 600, 1],
    ['light', 2000, 1],
    ['contrast', 1240, 2],
    ['contrastLight', 700, 1],
  ] as const)('fits the %s theme at %i pixels, sharp at a ratio of %i', async (theme, width, scale) => {
    await ready({ theme, width, scale, height: 900 });
    const measures = await viewer.page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-part="cells"]')!;
      const main = document.querySelector<HTMLElement>('.main')!;
      return {
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        inner: main.scrollWidth - main.clientWidth,
        ratio: canvas.width / canvas.clientWidth,
        height: canvas.clientHeight,
      };
    });
    expect(measures.overflow).toBeLessThanOrEqual(0);
    expect(measures.inner).toBeLessThanOrEqual(0);
    expect(measures.ratio).toBeCloseTo(scale, 1);
    expect(measures.height).toBeGreaterThan(150);
    expect(viewer.problems).toEqual([]);
  });
});
