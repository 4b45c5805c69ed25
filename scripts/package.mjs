/** `npm run package [-- TARGET...]`: packs the extension for this machine, or for the targets named, or for `all`. */
import { relative } from 'node:path';
import { PlainError, runMain, say } from './lib/announce.mjs';
import { packExtension, targets } from './lib/build.mjs';
import { root, thisTarget } from './lib/paths.mjs';
import { build } from './setup.mjs';

await runMain(async () => {
  const asked = process.argv.slice(2);
  const wanted = asked.length === 0 ? [thisTarget] : asked.includes('all') ? targets : asked;
  for (const target of wanted) {
    if (!targets.includes(target))
      throw new PlainError(`ONNX Runtime has no build for ${target}. Targets: ${targets.join(', ')}.`);
  }
  await build();
  for (const target of wanted) say(relative(root, await packExtension(target)));
});
