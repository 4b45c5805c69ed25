/** The map by the divergence of the value histograms, which the page has computed tensor by tensor. */
import { describe, expect, it } from 'vitest';
import { cell, down0, hasBrowser, ReportFixture, settled } from './reportFixture';

describe.skipIf(!hasBrowser)('the report map by KL divergence', { timeout: 60_000 }, () => {
  const fixture = new ReportFixture();
  /** Of the n-th tensor of the catalogue. */
  const bits = (tensor: number) => (tensor + 1) / 1000;

  /** Opens the page with a host whose background details wait for `answer`, and one that refuses a tensor. */
  async function open(refused: number | undefined, state?: unknown) {
    const waiting: (() => void)[] = [];
    let isOpen = false;
    const backgrounds: number[] = [];
    const page = await fixture.open(
      { state, width: 1300, height: 1000 },
      {
        errorDetail: async ({ tensor, choice, background }) => {
          const detail = fixture.plain.detail(tensor, choice !== undefined);
          if (!background) return detail;
          backgrounds.push(tensor);
          if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
          if (tensor === refused) throw new Error('it has too many rows.');
          return { ...detail, kl: bits(tensor) };
        },
      },
    );
    const letGo = () => {
      isOpen = true;
      for (const resolve of waiting.splice(0)) resolve();
    };
    return { page, backgrounds, waiting, letGo };
  }

  const chooseMetric = async (page: Awaited<ReturnType<typeof open>>['page'], place: number) => {
    await page.getByTestId('metric').click();
    await page.getByTestId('metric').locator('li.option').nth(place).click();
  };
  const klPlace = 6;

  it('computes what is not known, tells how far it is, and fills map, table and files', async () => {
    const { page, backgrounds, letGo } = await open(undefined);
    await settled(page);
    const heads = await page.locator('[data-testid=error-table] th').count();
    await chooseMetric(page, klPlace);
    const status = page.getByTestId('divergences');
    await expect.poll(() => status.textContent()).toContain('0 of 28 tensors');
    expect(await cell(page, down0).textContent()).toBe('…');
    expect(await cell(page, down0).getAttribute('aria-label')).toContain('not computed yet');
    expect(backgrounds.length).toBe(2);
    letGo();
    await expect.poll(() => status.count()).toBe(0);
    const { names } = fixture.plain.catalogue.tensors;
    for (const [index, name] of names.entries()) {
      const place = cell(page, name);
      if ((await place.count()) > 0) expect(await place.getAttribute('data-value')).toBe(String(bits(index)));
    }
    expect(backgrounds.length).toBe(28);
    expect(await page.locator('[data-testid=error-table] th').count()).toBe(heads + 1);
    const index = names.indexOf(down0);
    expect(
      await page.locator(`tr[data-tensor="${down0}"] td[data-metric=kl]`).getAttribute('data-value'),
    ).toBe(String(bits(index)));
    await page.getByTestId('save-table').click();
    await expect.poll(() => fixture.copied).toContain(',relative,kl,note');
    // The first of the catalogue has the least divergence and the lightest colour, the last the darkest.
    const colours = await page.locator('[role=gridcell][data-value]').evaluateAll((cells) =>
      cells.map((each) => ({
        value: Number((each as HTMLElement).dataset.value),
        colour: getComputedStyle(each).backgroundColor,
      })),
    );
    colours.sort((a, b) => a.value - b.value);
    expect([colours[0]!.colour, colours.at(-1)!.colour]).toEqual(['rgb(253, 231, 37)', 'rgb(68, 1, 84)']);
    if (process.env.LOUPE_SHOTS) await page.screenshot({ path: `${process.env.LOUPE_SHOTS}/kl-done.png` });
    expect(fixture.opened!.complaints).toEqual([]);
  });

  it('stops, goes on, remembers, and names what could not be compared', async () => {
    const names = fixture.plain.catalogue.tensors.names;
    const refused = names.indexOf(down0);
    const { page, waiting, letGo, backgrounds } = await open(refused);
    await settled(page);
    await chooseMetric(page, klPlace);
    await expect.poll(() => waiting.length).toBe(2);
    for (const resolve of waiting.splice(0)) resolve();
    const status = page.getByTestId('divergences');
    await expect.poll(() => status.textContent()).toContain('2 of 28 tensors');
    if (process.env.LOUPE_SHOTS) await page.screenshot({ path: `${process.env.LOUPE_SHOTS}/kl-some.png` });
    await page.getByText('Stop', { exact: true }).click();
    await expect.poll(() => status.textContent()).toBe('The histograms of 2 of 28 tensors are compared');
    const asked = backgrounds.length;
    letGo();
    await page.getByText('Compare the Others').click();
    await expect
      .poll(() => page.locator('.divergences .failed').textContent())
      .toBe(`1 could not be: ${down0}: it has too many rows.`);
    await expect.poll(() => status.textContent()).toBe('The histograms of 27 of 28 tensors are compared');
    // Known ones are not asked for again.
    const later = backgrounds.slice(asked);
    expect(later).not.toContain(backgrounds[0]);
    expect(later).not.toContain(backgrounds[1]);
    expect(new Set(backgrounds).size).toBe(28);
    const state = fixture.opened!.state();
    await fixture.opened!.page.close();
    const again = await open(refused, state);
    await again.page.getByTestId('divergences').waitFor();
    expect(await again.page.getByTestId('divergences').textContent()).toBe(
      'The histograms of 27 of 28 tensors are compared',
    );
    expect(again.backgrounds).toEqual([]);
    if (process.env.LOUPE_SHOTS)
      await again.page.screenshot({ path: `${process.env.LOUPE_SHOTS}/kl-again.png` });
  });
});
