/** The importance matrix of the Sensitivity tab in a real browser: chosen, shown, kept over a reload, refused, dropped. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from './checkpointHarness';
import { actionsOf, executable, pagesForTests } from './testPages';

/** Pictures of what was tested, to be looked at. */
const pictures = path.join(repositoryRoot, 'test-results/sensitivity');
const needing = 'iq2_xxs none';
const weighing = 'int3-absmax block 32';
const added = 'int2-absmax block 16';

interface Asked {
  readonly kind: string;
  readonly imatrix?: string;
  readonly file?: string;
  readonly choices?: readonly { readonly scheme: string }[];
}

describe.skipIf(!executable)("the Sensitivity tab's importance matrix", () => {
  beforeAll(() => {
    mkdirSync(pictures, { recursive: true });
  });
  const withPage = pagesForTests(async (page) => {
    await page.getByTestId('tab-sensitivity').click();
  });
  const text = (page: Page, id: string) => page.getByTestId(id).innerText();
  const live = (page: Page) => text(page, 'live');
  const shot = (page: Page, name: string) => page.screenshot({ path: path.join(pictures, `${name}.png`) });
  const asked = async (page: Page, kind: string) =>
    ((await actionsOf(page)) as Asked[]).filter((action) => action.kind === kind);
  const complete = async (page: Page) => {
    await page.getByTestId('exact-all').waitFor({ timeout: 60_000 });
    await page.waitForTimeout(100);
  };
  const compare = async (page: Page) => {
    await page.getByTestId('compare').click();
    await complete(page);
  };
  const columns = async (page: Page) => {
    await page.getByTestId('sensitivity-map').focus();
    await page.keyboard.press('Home');
    const cell = page.getByTestId('sensitivity-cursor');
    const found: string[] = [];
    for (let step = 0; step < 20; step++) {
      const key = (await cell.getAttribute('data-scheme'))!;
      if (found.at(-1) === key) return found;
      found.push(key);
      await page.keyboard.press('ArrowRight');
    }
    return found;
  };
  /** Moves to a cell by the keyboard and gives its sentence. */
  const sentence = async (page: Page, tensor: string, scheme: string) => {
    const cell = page.getByTestId('sensitivity-cursor');
    await page.getByTestId('sensitivity-map').focus();
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('Home');
    for (let step = 0; step < 60 && !(await cell.textContent())?.startsWith(tensor); step++)
      await page.keyboard.press('ArrowDown');
    for (let step = 0; step < 20 && (await cell.getAttribute('data-scheme')) !== scheme; step++)
      await page.keyboard.press('ArrowRight');
    return (await cell.textContent()) ?? '';
  };
  const down = 'model.layers.1.mlp.down_proj.weight';
  const output = 'model.layers.1.self_attn.o_proj.weight';

  it('brings its columns, compares anew what it weighs alone, and says what it covers', async () => {
    await withPage({}, async (page) => {
      await page.getByTestId('choose-schemes').click();
      const option = page.locator(`[data-testid="add-scheme"] option[value="${needing}"]`);
      expect(await option.getAttribute('disabled')).not.toBeNull();
      expect(await option.textContent()).toBe('IQ2_XXS (needs an importance matrix)');
      await compare(page);
      const before = await columns(page);
      expect(before).not.toContain(needing);
      await page.getByTestId('choose-matrix').press('Enter');
      await page.getByTestId('matrix').waitFor();
      await complete(page);
      expect(await text(page, 'matrix')).toContain('calibration-imatrix.gguf');
      expect(await text(page, 'matrix-cover')).toMatch(
        /^GGUF's types are weighed in \d+ of \d+ matrices, not model\.layers\.0\.self_attn\.o_proj\.weight and 11 more\. 2 of \d+ entries are for no tensor of this model\.$/,
      );
      expect(await columns(page)).toEqual([...before, added, needing]);
      const last = (await asked(page, 'sensitivity')).at(-1)!;
      expect(last.imatrix).toBe('/models/calibration-imatrix.gguf');
      expect(last.choices!.map(({ scheme }) => scheme)).toEqual(['int3-absmax', 'int2-absmax', 'iq2_xxs']);
      expect(await page.getByTestId('scheme-chooser').getByText('IQ2_XXS', { exact: false }).count()).toBe(1);
      expect(await sentence(page, down, needing)).toMatch(/IQ2_XXS: SQNR [\d.−]+ dB/);
      expect(await sentence(page, output, needing)).toContain(
        `cannot be quantized so. the importance matrix lacks ${output}`,
      );
      expect(await sentence(page, output, weighing)).toContain(
        `Not weighed: the importance matrix lacks ${output}.`,
      );
      await page.keyboard.press('Enter');
      expect(await text(page, 'cell-weighing')).toContain('Not weighed');
      await sentence(page, down, weighing);
      await page.keyboard.press('Enter');
      await expect
        .poll(() => text(page, 'cell-weighing'))
        .toBe('Weighed by calibration-imatrix.gguf; the figures count every error alike.');
      await page.getByTestId('scheme-readout').getByText('Point at a cell').waitFor();
      await page.waitForTimeout(150);
      await shot(page, 'matrix');
    });
  });

  it('goes with the recipe, is kept over a reload, and takes with it what it made possible', async () => {
    await withPage({}, async (page) => {
      await compare(page);
      await page.getByTestId('choose-matrix').click();
      await page.getByTestId('matrix').waitFor();
      await complete(page);
      await page.getByTestId('recipe-base').selectOption('int4-absmax block 32');
      expect(await page.getByTestId('recipe-matrix').count()).toBe(0);
      await sentence(page, down, needing);
      await page.keyboard.press('Enter');
      await page.getByTestId('use-tensor').click();
      expect(await text(page, 'recipe-matrix')).toContain('Weighed by calibration-imatrix.gguf');
      await page.locator('[data-testid="recipe-figures"][data-plan="known"]').waitFor();
      await page.getByTestId('quantize-recipe').click();
      await expect.poll(async () => (await asked(page, 'recipe')).length).toBe(1);
      expect((await asked(page, 'recipe'))[0]!.imatrix).toBe('/models/calibration-imatrix.gguf');

      await page.waitForTimeout(400);
      await page.reload();
      await page.getByTestId('matrix-cover').waitFor();
      expect((await asked(page, 'matrix')).map(({ file }) => file)).toEqual([
        '/models/calibration-imatrix.gguf',
      ]);
      // The cells were kept with it: nothing is compared again.
      expect(await asked(page, 'sensitivity')).toEqual([]);
      expect(await sentence(page, down, needing)).toMatch(/IQ2_XXS: SQNR/);

      await page.getByTestId('recipe-base').selectOption(added);
      await page.getByTestId('drop-matrix').press('Enter');
      await page.getByTestId('matrix').waitFor({ state: 'detached' });
      // The focus is not lost with the button.
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-testid')))
        .toBe('choose-matrix');
      await complete(page);
      expect(await text(page, 'matrix-problem')).toContain('was taken out of it with the matrix');
      expect(await live(page)).toMatch(/Compared|errors are not weighed/);
      expect(await columns(page)).not.toContain(needing);
      // The recipe goes on with the other, which stays.
      expect(await columns(page)).toContain(added);
      expect(await page.getByTestId('recipe-partial').count()).toBe(0);
      expect(await page.getByTestId('cell-details').count()).toBe(0);
      expect((await asked(page, 'sensitivity')).at(-1)!.imatrix).toBeUndefined();
      expect(await page.getByTestId('recipe-rules').count()).toBe(0);
    });
  });

  it('says why a file cannot be used, and that one is gone after a reload', async () => {
    await withPage({ query: 'matrix=fail' }, async (page) => {
      await page.getByTestId('choose-matrix').click();
      await expect
        .poll(() => text(page, 'matrix-problem'))
        .toContain('cannot be used: The entry blk.0.attn_q.weight ends beyond the file.');
      expect(await live(page)).toContain('cannot be used');
      expect(await page.getByTestId('matrix').count()).toBe(0);
      await shot(page, 'matrix-refused');
    });
    await withPage({ query: 'matrix=left' }, async (page) => {
      await page.getByTestId('choose-matrix').click();
      await expect.poll(async () => (await asked(page, 'matrix')).length).toBe(1);
      await expect.poll(() => text(page, 'choose-matrix')).toBe('Importance matrix…');
    });
    await withPage({ query: 'matrix=gone' }, async (page) => {
      await compare(page);
      await page.getByTestId('choose-matrix').click();
      await page.getByTestId('matrix').waitFor();
      await complete(page);
      await page.waitForTimeout(400);
      await page.reload();
      await expect
        .poll(() => text(page, 'matrix-problem'))
        .toContain('calibration-imatrix.gguf is not used any more.');
      await complete(page);
      expect((await asked(page, 'sensitivity')).at(-1)!.imatrix).toBeUndefined();
    });
  });

  it('is changed for another while a comparison runs', async () => {
    await withPage({ query: 'step=4' }, async (page) => {
      await page.getByTestId('choose-matrix').click();
      await page.getByTestId('matrix').waitFor();
      await page.getByTestId('compare').click();
      await page.getByTestId('comparison').waitFor();
      await page.getByTestId('choose-matrix').click();
      await page.getByTestId('matrix').getByText('calibration-b-imatrix.gguf').waitFor();
      await complete(page);
      const runs = (await asked(page, 'sensitivity')).map(({ imatrix }) => imatrix);
      expect(runs).toEqual(['/models/calibration-imatrix.gguf', '/models/calibration-b-imatrix.gguf']);
      expect(await text(page, 'sensitivity-summary')).not.toContain('Cancelled');
    });
  });

  it.each(['dark', 'light', 'contrast'] as const)(
    'fits in the %s theme, at 600 pixels too',
    async (theme) => {
      await withPage({ theme }, async (page) => {
        await compare(page);
        await page.getByTestId('choose-matrix').click();
        await page.getByTestId('matrix').waitFor();
        await complete(page);
        await sentence(page, down, needing);
        await page.keyboard.press('Enter');
        await page.getByTestId('use-tensor').click();
        await page.waitForTimeout(200);
        await shot(page, `matrix-${theme}`);
        await page.setViewportSize({ width: 600, height: 900 });
        await page.waitForTimeout(200);
        await shot(page, `matrix-${theme}-600`);
        const pane = page.getByTestId('sensitivity-tab');
        expect(await pane.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
      });
    },
  );
});
