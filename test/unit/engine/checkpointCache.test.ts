import { expect, it } from 'vitest';
import { CheckpointCache } from '../../../src/engine/checkpointCache';

const [kept, other] = ['demo-llama-3m', 'demo-llama-3m-outliers'].map(
  (name) => `examples/${name}/model.safetensors`,
) as [string, string];

it('keeps what is opened, and nothing of what is looked at once', async () => {
  const cache = new CheckpointCache();
  const opened = await cache.get(kept);
  expect(await cache.once(kept)).toBe(opened);
  const first = await cache.once(other);
  expect(await cache.once(other)).not.toBe(first);
  expect(first.checkpoint.tensors).toHaveLength(39);
  expect(await cache.get(kept)).toBe(opened);
});
