import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../src/bytes/byteSource';
import type { FileStore } from '../../../src/bytes/fileStore';
import { LoupeError } from '../../../src/errors';
import { openCheckpoint } from '../../../src/formats/open';
import type { OpenProgress } from '../../../src/formats/openProgress';
import { f32Data, makeSafetensors } from '../../fixtures/makeCheckpoint';

const shardCount = 40;
const shardName = (i: number) => `model-${String(i + 1).padStart(5, '0')}-of-00040.safetensors`;
const files = new Map<string, Uint8Array>();
const weightMap: Record<string, string> = {};
for (let i = 0; i < shardCount; i++) {
  weightMap[`layer.${i}.weight`] = shardName(i);
  const tensor = { name: `layer.${i}.weight`, dtype: 'F32', shape: [1], data: f32Data([i]) };
  files.set(`/big/${shardName(i)}`, makeSafetensors([tensor]));
}
files.set('/big/model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map: weightMap })));

/** The folder, whose last shard's header comes only when it is let go. */
function heldFolder(held: Promise<void>): FileStore {
  const find = (path: string) => {
    const bytes = files.get(path);
    if (!bytes) throw new LoupeError('not-found', 'There is no such file.', { file: path });
    return bytes;
  };
  return {
    stat: async (path) =>
      path === '/big'
        ? { isFile: false, isFolder: true, bytes: 0, mtimeMs: 0 }
        : { isFile: true, isFolder: false, bytes: find(path).length, mtimeMs: 0 },
    list: async () =>
      [...files.keys()].filter((path) => dirname(path) === '/big').map((path) => path.slice(5)),
    open: async (path) => {
      if (path.endsWith(shardName(shardCount - 1))) await held;
      return memorySource(find(path), path);
    },
  };
}

describe('opening a model of many shards', () => {
  it('tells names and progress before the last header is read', async () => {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const told: OpenProgress[] = [];
    let isOpen = false;
    const opening = openCheckpoint('/big', {
      files: heldFolder(held),
      onProgress: (each) => told.push(each),
    });
    void opening.then(() => {
      isOpen = true;
    });
    while (told.length < shardCount) await new Promise((resolve) => setImmediate(resolve));
    expect(isOpen).toBe(false);
    expect(told[0]).toEqual({
      filesDone: 0,
      filesTotal: shardCount,
      preview: { name: 'big', tensorCount: shardCount, firstNames: Object.keys(weightMap) },
    });
    expect(told.at(-1)).toEqual({ filesDone: shardCount - 1, filesTotal: shardCount });
    letGo();
    expect((await opening).tensors).toHaveLength(shardCount);
    expect(told.at(-1)).toEqual({ filesDone: shardCount, filesTotal: shardCount });
  });
});
