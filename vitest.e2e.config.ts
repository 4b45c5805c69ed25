import { defineConfig } from 'vitest/config';

/** End to end: the packed extension in a real VS Code, driven as a user would, one file after the other. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    environment: 'node',
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // A window on a busy machine answers later than after the usual second.
    expect: { poll: { timeout: 60_000 } },
  },
});
