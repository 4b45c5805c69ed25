/** The tensor viewer's page in a headless browser: its real code under the product's policy, with a host in the page. */
import type { Browser } from 'playwright-core';
import { themes } from '../../webview-ui/dev/themes';
import { bundlePage, type OpenedPage, type OpenOptions, openPage, type PageFiles } from './pageInBrowser';
import { themes as reportThemes } from './reportThemes';

export { chromiumPath, launchChromium, repositoryRoot } from './checkpointHarness';

export type TensorBundle = PageFiles;
export type TensorOptions = Omit<OpenOptions, 'modelFolder'>;

/** Bundles the page and its host in memory. */
export const bundleTensor = (root: string): Promise<PageFiles> =>
  bundlePage(root, { tensor: 'webview-ui/tensor.ts', fakeTensorHost: 'webview-ui/dev/fakeTensorHost.ts' });

/** Opens the page in a context of its own. */
export function openTensor(
  browser: Browser,
  files: PageFiles,
  options: TensorOptions = {},
): Promise<OpenedPage> {
  const { theme = 'dark' } = options;
  const { kind, variables } = themes[theme];
  // The selects' variables, which the other page does not use.
  const selects = reportThemes[theme === 'contrastLight' ? 'contrast' : theme].variables;
  const document = { page: 'tensor', host: 'fakeTensorHost', kind, variables: { ...selects, ...variables } };
  return openPage(browser, files, document, { width: 1240, height: 820, ...options });
}
