import * as assert from 'node:assert/strict';
import type { LoupeError } from '../../../src/errors';
import { activeApi, until, workspaceFile } from './workspace';

describe('Compute process', () => {
  it('is a process of its own, and comes back after it was killed', async () => {
    const { engine } = await activeApi();
    const first = await engine.call('hello', {});
    assert.notEqual(first.pid, process.pid);
    process.kill(first.pid, 'SIGKILL');
    const second = await until('a new engine', async () => {
      const answer = await engine.call('hello', {}).catch(() => undefined);
      return answer && answer.pid !== first.pid ? answer : undefined;
    });
    const path = workspaceFile('demo-llama-3m', 'model.safetensors').fsPath;
    const [stats] = await engine.call('stats', { path, tensors: [0], channels: 'none' });
    assert.equal(stats?.name, 'model.embed_tokens.weight');
    assert.ok(second.pid > 0);
  });

  it('tells a call that ran when the process died', async () => {
    const { engine } = await activeApi();
    const { pid } = await engine.call('hello', {});
    const path = workspaceFile('demo-llama-3m-outliers', 'model.safetensors').fsPath;
    const all = Array.from({ length: 39 }, (_, index) => index);
    const running = engine.call('stats', { path, tensors: all, channels: 'full' });
    process.kill(pid, 'SIGKILL');
    await assert.rejects(
      running,
      (error) => error instanceof Error && (error as LoupeError).code === 'engine-died',
    );
  });

  it('cancels', async () => {
    const { engine } = await activeApi();
    const path = workspaceFile('demo-llama-3m-outliers', 'model.safetensors').fsPath;
    const all = Array.from({ length: 39 }, (_, index) => index);
    const controller = new AbortController();
    const running = engine.call(
      'stats',
      { path, tensors: all, channels: 'full' },
      { signal: controller.signal },
    );
    controller.abort();
    await assert.rejects(running, (error) => (error as LoupeError).code === 'cancelled');
  });
});
