/** Replacing the parts of a GGUF model when the system fails between the steps of the commit. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OutputFiles } from '../../../../src/engine/quantize/outputFiles';
import { failureOf, temporaryFolder } from '../support';

/** Paths that cannot be synced. */
const failing = vi.hoisted(() => new Set<string>());
vi.mock('../../../../src/engine/quantize/temporaryOutput', async (original) => {
  const own = await original<typeof import('../../../../src/engine/quantize/temporaryOutput')>();
  return {
    ...own,
    syncPath: async (file: string, flags: string) => {
      if (failing.has(file)) throw new Error('The disk has gone.');
      await own.syncPath(file, flags);
    },
  };
});
afterEach(() => failing.clear());

const parts = [1, 2, 3].map((no) => `m-0000${no}-of-00003.gguf`);

/** A job that is ready to be committed over the older parts of a model. */
async function replacing(older: readonly string[]) {
  const parent = temporaryFolder();
  mkdirSync(parent, { recursive: true });
  for (const name of older) writeFileSync(join(parent, name), 'old');
  const output = await OutputFiles.create(join(parent, parts[0]!), true);
  for (const name of parts) writeFileSync(join(output.folder, name), 'new');
  const texts = () =>
    Object.fromEntries(
      parts
        .filter((name) => readdirSync(parent).includes(name))
        .map((name) => [name, readFileSync(join(parent, name), 'utf8')]),
    );
  return { parent, output, texts };
}

const all = (text: string) => Object.fromEntries(parts.map((name) => [name, text]));

describe('parts of a GGUF model', () => {
  it('are replaced all together', async () => {
    const { parent, output, texts } = await replacing(parts);
    await output.commit();
    expect(texts()).toEqual(all('new'));
    expect(readdirSync(parent).sort()).toEqual(parts);
  });

  it('are the older ones where the new ones could not be synced', async () => {
    const { output, texts } = await replacing(parts);
    failing.add(join(output.folder, parts[2]!));
    expect(await failureOf(output.commit())).toMatchObject({ message: expect.stringContaining('disk') });
    expect(texts()).toEqual(all('old'));
  });

  it.each([[parts], [parts.slice(1)]])(
    'are the new ones where only the folder could not be synced: %j',
    async (older) => {
      const { parent, output, texts } = await replacing(older);
      failing.add(parent);
      expect(await failureOf(output.commit())).toMatchObject({ message: expect.stringContaining('disk') });
      expect(texts()).toEqual(all('new'));
    },
  );
});
