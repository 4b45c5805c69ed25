import { defineConfig } from 'vitest/config';

/** `npm run pictures`: takes the README's pictures from the packed extension in a real VS Code. */
export default defineConfig({
  test: {
    include: ['test/pictures/**/*.pictures.ts'],
    environment: 'node',
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 240_000,
  },
});
