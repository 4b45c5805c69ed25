/**
 * Pictures of the tensor viewer's page in a headless browser, into test-results/.
 * Usage: node webview-ui/dev/shootTensor.mjs [NAME ...]   (all by default)
 */
import { importHarness, root, takeShots, withBrowser } from './takeShots.mjs';

const harness = await importHarness('test/webview/tensorHarness.ts');
const { bundleTensor, openTensor } = harness;

const rest = (page) => page.waitForTimeout(700);
async function ready(page) {
  await page.getByTestId('top-values').waitFor();
  await rest(page);
}
async function near(page) {
  await ready(page);
  const box = await page.getByTestId('matrix').boundingBox();
  for (let step = 0; step < 7; step++) await page.mouse.dblclick(box.x + 60, box.y + 90);
  await page.mouse.click(box.x + 140, box.y + 100);
  await page.mouse.move(box.x + 300, box.y + 200);
  await rest(page);
}
const choose = async (page, id, text) => {
  await page.getByTestId(id).click();
  await page.getByTestId(id).locator('li.option', { hasText: text }).first().click();
  await rest(page);
};

const shots = {
  dark: { act: ready },
  light: { theme: 'light', act: ready },
  contrast: { theme: 'contrast', act: near },
  near: { query: 'nan', act: near },
  nearLight: { theme: 'light', query: 'block=32', act: near },
  narrow: { width: 600, height: 900, act: near },
  wide: { width: 2000, height: 1000, act: near },
  sharp: { scale: 2, width: 1000, height: 700, act: near },
  magnitude: {
    act: async (page) => {
      await ready(page);
      await choose(page, 'cells', '|x|');
      await choose(page, 'scale', 'quantile');
    },
  },
  typed: {
    act: async (page) => {
      await ready(page);
      await choose(page, 'scale', 'symmetric');
      await choose(page, 'range', 'typed');
    },
  },
  slices: { query: 'shape=8,120,200', act: ready },
  kernels: { query: 'shape=32,16,3,3', act: near },
  vector: { query: 'shape=768', act: ready },
  tiny: { query: 'shape=4,6', act: near },
  table: {
    theme: 'light',
    act: async (page) => {
      await near(page);
      await page.keyboard.press('t');
      await rest(page);
    },
  },
  failing: { query: 'play=failing', act: rest },
  loading: { query: 'play=loading', act: rest },
  refused: { query: 'play=refused', act: rest },
  unreadable: { query: 'play=unreadable', act: rest },
};

const bundle = await bundleTensor(root);
await withBrowser(harness, (browser) =>
  takeShots(shots, process.argv.slice(2), 'tensor', (options) => openTensor(browser, bundle, options)),
);
