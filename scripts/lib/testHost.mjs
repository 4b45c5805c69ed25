/** What the end-to-end tests take from the scripts; typed in testHost.d.mts. */
export { launchOptions } from './browsers.mjs';
export { startHost } from './hostServer.mjs';
export { scratchWorkspace } from './inHost.mjs';
export { resultsFolder, vsixPath } from './paths.mjs';
export { endAll } from './processes.mjs';
