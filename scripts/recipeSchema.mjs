/** Writes media/recipe.schema.json from the scheme registry; a test compares the two. Run it after a scheme changed. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { outputFiles } = await build({
  entryPoints: [`${root}src/quant/recipeSchema.ts`],
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
});
const { recipeSchema } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
);
const file = `${root}media/recipe.schema.json`;
writeFileSync(file, JSON.stringify(recipeSchema()));
execFileSync(`${root}node_modules/.bin/biome`, ['format', '--write', file], { stdio: 'ignore' });
