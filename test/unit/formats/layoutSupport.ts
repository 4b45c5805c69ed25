/** Made-up layouts in a folder of their own, opened. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Checkpoint } from '../../../src/formats/checkpoint';
import { openCheckpoint } from '../../../src/formats/open';
import { dtypes } from '../../../src/numeric/dtypes';
import { makeSafetensors, type TensorFixture } from '../../fixtures/makeCheckpoint';

/** Registers the folder of each test; gives what opens a model in it. */
export function useLayoutFolder() {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loupe-layouts-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function open(tensors: TensorFixture[], config?: unknown): Promise<Checkpoint> {
    // Writers put the widest types first, so that all are aligned.
    const width = ({ dtype }: TensorFixture) => dtypes.get(dtype)!.blockBytes;
    const sorted = tensors.toSorted((a, b) => width(b) - width(a));
    await writeFile(join(folder, 'model.safetensors'), makeSafetensors(sorted));
    if (config) await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    return openCheckpoint(folder);
  }

  return open;
}

/** Zeros of a type and shape. */
export function blank(name: string, dtype: string, shape: number[]): TensorFixture {
  const { blockBytes, blockElements } = dtypes.get(dtype)!;
  const elements = shape.reduce((a, b) => a * b, 1);
  return { name, dtype, shape, data: new Uint8Array((elements / blockElements) * blockBytes) };
}

export function json(name: string, value: unknown): TensorFixture {
  const data = new TextEncoder().encode(JSON.stringify(value));
  return { name, dtype: 'U8', shape: [data.length], data };
}
