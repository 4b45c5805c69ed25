/** What every window reads at its start. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

interface Entry extends Readonly<Record<string, unknown>> {
  readonly source: string;
}

/** The settings under which dist/ is made. */
async function entryNamed(name: string): Promise<Entry> {
  const module = await import(pathToFileURL(resolve('esbuild.mjs')).href);
  return (module.entries as Record<string, Entry>)[name]!;
}

it("keeps the host's bundle below 400 KB, and the engine's readers, jobs and kernels out of it", async () => {
  const { source, ...options } = await entryNamed('extension.cjs');
  const { metafile, outputFiles } = await build({
    ...options,
    ...{ entryPoints: [source], bundle: true, write: false, metafile: true, outfile: 'extension.cjs' },
    ...{ legalComments: 'none', logLevel: 'silent' },
  });
  const [output] = outputFiles!;
  console.log(`dist/extension.cjs: ${output!.contents.length.toLocaleString()} bytes`);
  expect(output!.contents.length).toBeLessThan(400_000);
  const files = Object.keys(metafile!.inputs);
  const foreign = files.filter(
    (file) =>
      (file.startsWith('src/engine/') && file !== 'src/engine/client.ts') ||
      /^(node_modules|src\/(formats\/(gguf|onnx|pytorch|safetensors|numpy|zip)|convert|estimate|cli))\//.test(
        file,
      ),
  );
  expect(foreign).toEqual([]);
});
