import { defineConfig } from 'vitest/config';

/** Unit tests and the command line's: everything that needs no VS Code. */
export default defineConfig({
  test: {
    include: ['test/unit/**/*.test.ts', 'test/cli/**/*.test.ts', 'test/webview/**/*.test.ts'],
    globalSetup: ['test/unit/globalSetup.ts'],
    environment: 'node',
    pool: 'forks',
    // The default leaves one core free; many of these tests wait for a process or a browser.
    maxWorkers: '100%',
    testTimeout: 60_000,
    // A browser on a busy machine answers later than after the usual second.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 60_000,
  },
});
