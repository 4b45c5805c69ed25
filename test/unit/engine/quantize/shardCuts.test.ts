/** Shards cut anew, through the real engine; files are read with plain code. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recipeOf } from '../../../../src/quant/recipe';
import { bf16Data } from '../../../fixtures/makeCheckpoint';
import { smallOnnx } from '../../../fixtures/onnxModels';
import { readPlainSafetensors } from '../../../fixtures/plainSafetensors';
import {
  demoModel,
  failureOf,
  randomValues,
  request,
  startEngine,
  temporaryFolder,
  writeModel,
} from '../support';

const engine = startEngine();
const folder = temporaryFolder();

const shardsOf = (out: string) => readdirSync(out).filter((name) => name.endsWith('.safetensors'));

/** All stored tensors of a folder's shards; fails where one is there twice. */
function tensorsOf(out: string) {
  const found = new Map<string, { shard: string; bytes: Uint8Array }>();
  for (const shard of shardsOf(out)) {
    for (const [name, { bytes }] of readPlainSafetensors(join(out, shard))) {
      expect(found.has(name)).toBe(false);
      found.set(name, { shard, bytes });
    }
  }
  return found;
}

describe('shards cut to a size', () => {
  it('hold the same tensors as the source, none is larger, and the index is right', async () => {
    const limit = 1_300_000;
    const whole = join(folder, 'whole');
    const cut = join(folder, 'cut');
    await engine.call('quantize', request(demoModel, whole));
    const report = await engine.call('quantize', request(demoModel, cut, { maxShardBytes: limit }));
    const names = shardsOf(cut);
    expect(names.length).toBeGreaterThan(2);
    const total = String(names.length).padStart(5, '0');
    expect(names).toEqual(
      names.map((_, i) => `model-${String(i + 1).padStart(5, '0')}-of-${total}.safetensors`),
    );
    for (const name of names) expect(statSync(join(cut, name)).size).toBeLessThanOrEqual(limit);
    const [want, got] = [tensorsOf(whole), tensorsOf(cut)];
    expect([...got.keys()].sort()).toEqual([...want.keys()].sort());
    for (const [name, { bytes }] of want) expect(Buffer.compare(got.get(name)!.bytes, bytes)).toBe(0);
    const index = JSON.parse(readFileSync(join(cut, 'model.safetensors.index.json'), 'utf8'));
    expect(index.metadata.total_size).toBe(
      [...got.values()].reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
    expect(index.weight_map).toEqual(Object.fromEntries([...got].map(([name, { shard }]) => [name, shard])));
    expect(report.open).toBe(join(cut, 'model.safetensors.index.json'));
    // The pieces of a weight stay together, and the model opens as one.
    for (const [name, { shard }] of got) {
      if (name.endsWith('_packed')) expect(got.get(name.replace('_packed', '_scale'))!.shard).toBe(shard);
    }
    const catalogue = await engine.call('open', { path: cut });
    expect([catalogue.findings, catalogue.tensors.count, catalogue.tensors.pieces.length]).toEqual([
      [],
      39,
      28,
    ]);
  });

  it('give a weight that is larger alone a file of its own', async () => {
    const tensor = (name: string, rows: number) => ({
      name,
      dtype: 'BF16',
      shape: [rows, 1000],
      data: bf16Data(randomValues(rows * 1000, rows)),
    });
    const path = writeModel(join(folder, 'uneven/model.safetensors'), [
      tensor('a.weight', 400),
      tensor('b.weight', 3000),
      tensor('c.weight', 300),
      tensor('d.weight', 200),
    ]);
    writeFileSync(join(folder, 'uneven/config.json'), '{}');
    const out = join(folder, 'uneven-out');
    await engine.call('quantize', request(path, out, { scheme: 'int8-absmax', maxShardBytes: 1_000_000 }));
    const held = shardsOf(out).map((name) =>
      [...readPlainSafetensors(join(out, name)).keys()].filter((key) => key.endsWith('_packed')).sort(),
    );
    expect(held).toEqual([['a.weight_packed'], ['b.weight_packed'], ['c.weight_packed', 'd.weight_packed']]);
  });

  it('join the shards of the source where the size allows, without an index', async () => {
    const sharded = join(demoModel, '../demo-llama-3m-sharded');
    const out = join(folder, 'joined');
    const recipe = {
      ...recipeOf({ scheme: 'int8-absmax', granularity: 'row' }, false),
      maxShardBytes: 2_000_000_000,
    };
    const report = await engine.call('quantize', request(sharded, out, { recipe }));
    expect(shardsOf(out)).toEqual(['model.safetensors']);
    expect(readdirSync(out).filter((name) => name.endsWith('.index.json'))).toEqual([]);
    expect(report.open).toBe(join(out, 'model.safetensors'));
    // What is recorded makes the same again.
    const record = JSON.parse(readFileSync(join(out, 'loupe-recipe.json'), 'utf8'));
    expect(record.recipe.maxShardBytes).toBe(2_000_000_000);
    const kept = join(folder, 'kept');
    await engine.call('quantize', request(sharded, kept));
    const [want, got] = [tensorsOf(kept), tensorsOf(out)];
    for (const [name, { bytes }] of want) expect(Buffer.compare(got.get(name)!.bytes, bytes)).toBe(0);
    expect(got.size).toBe(want.size);
  });

  it('are refused where the size makes no sense', async () => {
    for (const maxShardBytes of [0, -1, 10, Number.NaN]) {
      const call = engine.call('quantize', request(demoModel, join(folder, 'never'), { maxShardBytes }));
      expect((await failureOf(call)).code).toBe('usage');
    }
  });
});

describe('an output that is no folder of shards', () => {
  it('is not cut as ONNX, and goes on from nothing where there is nothing', async () => {
    const path = join(folder, 'graph.onnx');
    const graph = smallOnnx({
      inputs: [{ name: 'x', shape: [1, 64] }],
      outputs: ['y'],
      weights: [{ name: 'w', shape: [64, 32], values: randomValues(64 * 32) }],
      nodes: [{ opType: 'MatMul', input: ['x', 'w'], output: ['y'] }],
    });
    writeFileSync(path, graph);
    const call = (more: object) =>
      failureOf(engine.call('quantize', request(path, join(folder, 'graph-out.onnx'), more)));
    expect(await call({ maxShardBytes: 2_000_000 })).toMatchObject({ code: 'usage' });
    expect(existsSync(join(folder, 'graph-out.onnx'))).toBe(false);
    // What keeps finished shards of others does no harm here.
    const more = { keepFinished: true, resume: true };
    await engine.call('quantize', request(path, join(folder, 'graph-out.onnx'), more));
    expect(existsSync(join(folder, 'graph-out.onnx'))).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
