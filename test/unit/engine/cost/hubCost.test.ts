/** A model on the Hub, against a server of our own that speaks its API. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hubCostJob } from '../../../../src/engine/cost/hubCostJob';
import type { LoadSetting } from '../../../../src/protocol/costApi';
import { type HubServer, startHubServer } from '../../../fixtures/hubServer';
import { f32Data, makeGguf } from '../../../fixtures/makeCheckpoint';
import { demoModel } from '../support';

const read = (name: string) => new Uint8Array(readFileSync(join(demoModel, name)));
const gguf = (elements: number) =>
  makeGguf({
    metadata: [{ key: 'general.architecture', type: 'string', value: 'llama' }],
    tensors: [
      {
        name: 'token_embd.weight',
        dtype: 'F32',
        shape: [1, elements],
        data: f32Data(new Float32Array(elements)),
      },
    ],
  });

describe('hubCost', () => {
  let hub: HubServer;
  beforeAll(async () => {
    hub = await startHubServer({
      'demo/model': {
        files: { 'config.json': read('config.json'), 'model.safetensors': read('model.safetensors') },
      },
      'demo/config': { files: { 'config.json': read('config.json') } },
      'demo/gguf': { files: { 'x-Q4_K_M.gguf': gguf(64), 'x-Q2_K.gguf': gguf(32) } },
      'demo/none': { files: { 'README.md': new Uint8Array(3) } },
    });
  });
  afterAll(() => hub.stop());
  beforeEach(() => {
    hub.requests.length = 0;
  });

  const ask = (name: string, load: LoadSetting = {}, choice: { file?: string; tag?: string } = {}) =>
    hubCostJob(
      { repository: { name, revision: 'main' }, access: { endpoint: hub.endpoint }, load, ...choice },
      new AbortController().signal,
    );

  it('reads headers and the configuration alone', async () => {
    const cost = await ask('demo/model', { quantization: 'nf4' });
    expect(cost).toMatchObject({
      name: 'demo/model',
      parameters: 3_295_488,
      bytes: 6_590_976,
      open: 'tensor-loupe-hub:/demo/model@main/model.safetensors',
      stamps: [],
    });
    expect(cost.cache).toMatchObject({ bytesPerToken: 2048 });
    const headerBytes = 8 + Number(readFileSync(join(demoModel, 'model.safetensors')).readBigUInt64LE(0));
    expect(hub.fileBytesSent()).toBeLessThanOrEqual(headerBytes + 65_536 + read('config.json').length);
  });

  it('counts from config.json where there are no weights', async () => {
    expect(await ask('demo/config')).toMatchObject({ source: 'config', parameters: 3_295_488 });
    await expect(ask('demo/none')).rejects.toMatchObject({ code: 'not-a-checkpoint' });
  });

  it('takes the file or the type that is asked for', async () => {
    expect((await ask('demo/gguf')).parameters).toBe(32);
    expect((await ask('demo/gguf', { runtime: 'llama.cpp' })).parameters).toBe(64);
    expect((await ask('demo/gguf', {}, { tag: 'q4_k_m' })).parameters).toBe(64);
    expect((await ask('demo/gguf', {}, { file: 'x-Q2_K.gguf' })).parameters).toBe(32);
    await expect(ask('demo/gguf', {}, { file: '../x' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(ask('demo/gguf', {}, { tag: 'Q8_0' })).rejects.toThrow(/has no file of type Q8_0/);
    await expect(ask('demo/missing')).rejects.toMatchObject({ code: 'io' });
  });
});
