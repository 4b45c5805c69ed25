import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TensorError } from '../../../../src/protocol/engineApi';
import { fileHash } from '../../../fixtures/fileHash';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { readPlainSafetensors } from '../../../fixtures/plainSafetensors';
import { sharedPath } from '../../../fixtures/shared';
import { demoModel, failureOf, request, startEngine, temporaryFolder, writeModel } from '../support';
import { pieces } from './writtenWeights';

const engine = startEngine();
const folder = temporaryFolder();

describe('the output folder', () => {
  it('lies beside the model under the scheme, holds its other files, and says how it is quantized', async () => {
    const model = join(folder, 'family/model');
    cpSync(demoModel, model, { recursive: true });
    writeFileSync(join(model, 'pytorch_model.bin'), 'other weights');
    writeFileSync(join(model, 'LICENSE'), 'text');
    chmodSync(join(model, 'LICENSE'), 0o444);
    mkdirSync(join(model, 'runs'));
    writeFileSync(join(folder, 'family/chat.jinja'), 'template');
    symlinkSync('../chat.jinja', join(model, 'chat_template.jinja'));
    symlinkSync('nowhere', join(model, 'broken.json'));
    const { out: _, ...ask } = request(model, '', { scheme: 'int8-zeropoint', granularity: 'tensor' });
    const dry = await engine.call('quantize', { ...ask, dryRun: true });
    expect(readdirSync(join(folder, 'family')).sort()).toEqual(['chat.jinja', 'model']);
    const report = await engine.call('quantize', ask);
    const out = join(folder, 'family/model-INT8-zeropoint-tensor');
    expect(report.open).toBe(join(out, 'model.safetensors'));
    expect(readdirSync(join(folder, 'family')).sort()).toEqual(['chat.jinja', 'model', basename(out)]);
    const names = [
      'LICENSE',
      'chat_template.jinja',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ];
    expect(readdirSync(out).sort()).toEqual(names);
    expect(report.outputs.map((path) => basename(path)).sort()).toEqual(names);
    expect(readFileSync(join(out, 'chat_template.jinja'), 'utf8')).toBe('template');
    expect(fileHash(join(out, 'tokenizer.json'))).toBe(fileHash(join(model, 'tokenizer.json')));
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    const { quantization_config: quantization, ...rest } = config;
    const sourceText = readFileSync(join(model, 'config.json'), 'utf8');
    expect(rest).toEqual(JSON.parse(sourceText));
    // Numbers keep their spelling: readers with types tell 10000.0 from 10000.
    const body = sourceText.slice(0, sourceText.lastIndexOf('}')).trimEnd();
    expect(readFileSync(join(out, 'config.json'), 'utf8').startsWith(`${body},`)).toBe(true);
    expect(quantization).toMatchObject({
      quant_method: 'compressed-tensors',
      format: 'pack-quantized',
      ignore: ['lm_head'],
    });
    expect(quantization.config_groups.group_0.weights).toMatchObject({ num_bits: 8, symmetric: false });
    // The dry run told the exact sizes and places.
    expect([dry.bytesAfter, dry.open, dry.outputs]).toEqual([statSync(report.open).size, report.open, []]);
    expect(dry.tensors.map(({ name, to, bytes }) => [name, to, bytes])).toEqual(
      report.tensors.map(({ name, to, bytes }) => [name, to, bytes]),
    );
  });

  it('has the shards of the source and an index of them', async () => {
    const sharded = join(dirname(demoModel), 'demo-llama-3m-sharded');
    const path = existsSync(sharded) ? sharded : sharedPath('models/demo-llama-3m-sharded');
    if (!path) return;
    const out = join(folder, 'sharded');
    const report = await engine.call('quantize', request(path, out));
    const shards = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
    expect(readdirSync(out).filter((name) => name.endsWith('.safetensors'))).toEqual(shards);
    expect(report.open).toBe(join(out, 'model.safetensors.index.json'));
    const index = JSON.parse(readFileSync(report.open, 'utf8'));
    let total = 0;
    const map: Record<string, string> = {};
    for (const shard of shards) {
      for (const [name, tensor] of readPlainSafetensors(join(out, shard))) {
        map[name] = shard;
        total += tensor.bytes.length;
      }
    }
    expect(index).toEqual({ metadata: { total_size: total }, weight_map: map });
    const catalogue = await engine.call('open', { path: out });
    expect([catalogue.findings, catalogue.tensors.count]).toEqual([[], 39]);
    // Sharding changes where tensors lie, not what becomes of them.
    const single = await engine.call('errors', {
      path: demoModel,
      choice: { scheme: 'int8-absmax', granularity: 'row' },
    });
    const byName = (rows: readonly TensorError[]) => [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(report.tensors)).toEqual(byName(single));
  });

  it('of a file among unrelated ones is named after the file and takes only what it knows', async () => {
    const path = writeModel(join(folder, 'downloads/adapter.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [2, 3], data: f32Data([1, 2, 3, -4, 5, 6]) },
      { name: 'x.bias', dtype: 'F32', shape: [2], data: f32Data([1, 2]) },
    ]);
    for (const name of ['taxes.pdf', 'notes.json', 'tokenizer.json', 'other.safetensors']) {
      writeFileSync(join(folder, 'downloads', name), name);
    }
    const { out: _, ...ask } = request(path, '');
    const report = await engine.call('quantize', ask);
    const out = join(folder, 'downloads/adapter-INT8-absmax-row');
    expect(readdirSync(out).sort()).toEqual(['adapter.safetensors', 'config.json', 'tokenizer.json']);
    // F32 in, F32 scales; three columns are padded to a word.
    const got = pieces(report.open, 'x.weight', 2, 3);
    expect([got.scaleDtype, ...got.codes]).toEqual(['F32', 42, 85, 127, -85, 106, 127]);
    expect([...got.scales]).toEqual([Math.fround(3 / 127), Math.fround(6 / 127)]);
  });

  it('is not overwritten unless asked, and then replaced whole', async () => {
    const out = join(folder, 'again');
    await engine.call('quantize', request(demoModel, out));
    const before = fileHash(join(out, 'model.safetensors'));
    const next = request(demoModel, out, { granularity: 'tensor' });
    expect((await failureOf(engine.call('quantize', next))).code).toBe('exists');
    expect(fileHash(join(out, 'model.safetensors'))).toBe(before);
    await engine.call('quantize', { ...next, overwrite: true });
    expect(fileHash(join(out, 'model.safetensors'))).not.toBe(before);
  });
});
