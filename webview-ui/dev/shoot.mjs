/**
 * Pictures of the checkpoint page in a headless browser, into test-results/, and a measurement of scrolling.
 * Usage: node webview-ui/dev/shoot.mjs [NAME ...]   (all by default)
 */
import { join } from 'node:path';
import { importHarness, root, takeShots, withBrowser } from './takeShots.mjs';

const harness = await importHarness('test/webview/checkpointHarness.ts');
const { bundleHarness, measureScrolling, openHarness } = harness;

const modelFolder = join(root, 'examples/demo-llama-3m-outliers');
const fileQuery = 'model=file&name=demo-llama-3m-outliers';
const down = 'model.layers.1.mlp.down_proj.weight';

async function analyze(page) {
  await page.getByTestId('analyze-all').click();
  await page.getByText('Analyzed', { exact: true }).waitFor();
}
async function select(page, name) {
  // Rows out of view do not exist: the filter brings them.
  const row = page.locator(`[data-tensor="${name}"].row`);
  if ((await row.count()) === 0) {
    await page.getByTestId('filter').click();
    await page.keyboard.type(name);
  }
  await row.click();
  await page.getByTestId('picture').waitFor();
  await page.waitForTimeout(400);
}
const tensors = async (page) => {
  await analyze(page);
  await select(page, down);
};

async function memory(page) {
  await page.getByTestId('tab-memory').click();
  await page.getByTestId('memory-total').waitFor();
  await page.waitForTimeout(300);
}

/** Name -> how to come there. */
const shots = {
  dark: { query: fileQuery, act: tensors },
  light: { query: fileQuery, theme: 'light', act: tensors },
  contrast: { query: fileQuery, theme: 'contrast', act: tensors },
  contrastLight: { query: fileQuery, theme: 'contrastLight', act: tensors },
  narrow: { query: fileQuery, width: 700, height: 900, act: tensors },
  narrowLight: { query: fileQuery, width: 600, height: 800, theme: 'light', act: tensors },
  wide: { query: fileQuery, width: 2000, height: 1000, act: tensors },
  zoom: { query: fileQuery, width: 590, height: 430, scale: 2, act: tensors },
  rows: {
    query: fileQuery,
    act: async (page) => {
      await analyze(page);
      await select(page, 'model.layers.0.mlp.up_proj.weight');
    },
  },
  sorted: {
    query: fileQuery,
    act: async (page) => {
      await analyze(page);
      await page.getByTestId('sort-kurtosis').click();
      await page.waitForTimeout(200);
      await page.keyboard.press('ArrowDown');
      await page.waitForTimeout(600);
    },
  },
  vector: {
    query: fileQuery,
    act: async (page) => {
      await analyze(page);
      await select(page, 'model.layers.0.input_layernorm.weight');
    },
  },
  analyzed: { query: fileQuery, act: analyze },
  group: {
    query: fileQuery,
    theme: 'light',
    act: async (page) => {
      await analyze(page);
      await page.locator('[data-group="model.layers.1"]').click();
      await page.waitForTimeout(200);
    },
  },
  fresh: { query: fileQuery, act: (page) => page.waitForTimeout(200) },
  analyzing: {
    query: `${fileQuery}&step=120`,
    act: async (page) => {
      await page.getByTestId('analyze-all').click();
      await page.waitForTimeout(2600);
      await page.getByTestId('columns').click();
      await page.waitForTimeout(200);
    },
  },
  filter: {
    query: fileQuery,
    act: async (page) => {
      await page.getByTestId('filter').click();
      await page.keyboard.type('mlp colour:red kurtosis:>10');
      await page.waitForTimeout(300);
    },
  },
  menu: {
    query: fileQuery,
    act: async (page) => {
      await page.locator(`[data-tensor="${down}"].row`).click({ button: 'right' });
      await page.waitForTimeout(500);
    },
  },
  memory: { query: fileQuery, act: memory },
  memoryLight: { query: fileQuery, theme: 'light', height: 1500, act: memory },
  memoryContrast: { query: fileQuery, theme: 'contrast', height: 1500, act: memory },
  memoryContrastLight: { query: fileQuery, theme: 'contrastLight', height: 1200, act: memory },
  memoryNarrow: { query: fileQuery, width: 600, height: 1600, act: memory },
  memoryWide: {
    query: fileQuery,
    width: 2000,
    height: 1200,
    act: async (page) => {
      await memory(page);
      for (const gpu of ['RTX 4090', 'A100 80GB SXM', 'other']) {
        await page.getByTestId('memory-add-device').selectOption(gpu);
        if (gpu === 'other') await page.getByTestId('memory-add-size').fill('17');
        await page.getByTestId('memory-add').click();
        await page.waitForTimeout(200);
      }
      await page.locator('.bar-table summary').click();
      await page.locator('[data-scheme="int8-absmax"] button').click();
      await page.waitForTimeout(300);
    },
  },
  memoryBare: { query: 'memory=bare', act: memory },
  memoryFailed: { query: 'memory=fail', act: (page) => page.getByTestId('tab-memory').click() },
  memoryTraining: {
    query: fileQuery,
    height: 1100,
    act: async (page) => {
      await memory(page);
      await page.getByTestId('memory-mode-training').click();
      await page.getByTestId('memory-ranks').fill('8');
      await page.getByTestId('memory-zero').selectOption('2');
      await page.waitForTimeout(400);
    },
  },
  metadata: { query: fileQuery, act: (page) => page.getByTestId('tab-metadata').click() },
  findings: { query: fileQuery, act: (page) => page.getByTestId('findings-button').click() },
  refused: { query: 'model=refused', act: (page) => page.getByTestId('refused').waitFor() },
  refusedLight: {
    query: 'model=refused',
    theme: 'light',
    width: 700,
    act: (page) => page.getByTestId('refused').waitFor(),
  },
  loading: { query: 'model=loading', act: (page) => page.getByTestId('loading').waitFor() },
  empty: { query: 'model=empty', act: (page) => page.getByTestId('no-tensors').waitFor() },
  large: {
    query: 'model=large',
    act: async (page) => {
      await page.getByTestId('tensor-table').focus();
      await page.keyboard.press('End');
      await page.waitForTimeout(500);
    },
  },
  notices: {
    query: `${fileQuery}&restricted`,
    act: async (page) => {
      await page.evaluate(() => {
        window.harness.host.call('notice', { kind: 'changed', message: 'The file has changed on disk.' });
        window.harness.host.call('notice', {
          kind: 'engine',
          message: 'The compute process ended and was started again. Results so far are kept.',
        });
      });
      await page.locator('.row.group').first().click();
      await page.waitForTimeout(200);
    },
  },
  packed: {
    query: 'model=packed',
    act: async (page) => {
      await select(page, 'model.layers.0.mlp.down_proj.weight');
      await page.locator('.pieces summary').click();
    },
  },
};

const wanted = process.argv.slice(2);
const bundle = await bundleHarness(root);
await withBrowser(harness, async (browser) => {
  await takeShots(shots, wanted, 'checkpoint', (options) =>
    openHarness(browser, bundle, { ...options, modelFolder }),
  );
  if (wanted.length === 0 || wanted.includes('scroll')) {
    const { page } = await openHarness(browser, bundle, { query: 'model=large&count=100000' });
    await page.getByTestId('tensor-table').waitFor();
    await page.waitForTimeout(1500);
    console.log('scrolling 100,000 tensors:', JSON.stringify(await measureScrolling(page)));
  }
});
