import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LoupeError } from '../../../../src/errors';
import { fileHash } from '../../../fixtures/fileHash';
import { f32Data, makeGguf } from '../../../fixtures/makeCheckpoint';
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

describe('what would lose data is refused', () => {
  const refusal = async (path: string, out = join(folder, 'never'), more = {}) => {
    const error = await failureOf(engine.call('quantize', request(path, out, { overwrite: true, ...more })));
    expect(existsSync(join(folder, 'never'))).toBe(false);
    return error;
  };

  it('a quantized model', async () => {
    const out = join(folder, 'once');
    await engine.call('quantize', request(demoModel, out));
    expect(await refusal(out)).toMatchObject({ code: 'refused', message: 'The model is quantized already.' });
  });

  it('a target that is the source, holds it, or is it by another name', async () => {
    const model = join(folder, 'own/model');
    cpSync(demoModel, model, { recursive: true });
    symlinkSync(model, join(folder, 'own/alias'));
    const before = fileHash(join(model, 'model.safetensors'));
    for (const out of [model, dirname(model), folder, join(folder, 'own/alias')]) {
      expect((await refusal(model, out)).code).toBe('refused');
    }
    expect(fileHash(join(model, 'model.safetensors'))).toBe(before);
  });

  it('a model with a fault', async () => {
    const path = writeModel(join(folder, 'short/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [2, 2], data: f32Data([1, 2, 3, 4]) },
    ]);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 4));
    expect((await refusal(path)).code).toBe('refused');
  });

  it('NaN and infinity, by name and place', async () => {
    const values = f32Data([1, 2, 3, 4, Number.NaN, 6]);
    const path = writeModel(join(folder, 'nan/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [2, 3], data: values },
    ]);
    const { byteOffset } = readPlainSafetensors(path).get('x.weight')!;
    for (const granularity of ['row', 'tensor'] as const) {
      const error = await refusal(path, undefined, { granularity });
      expect(error.toJSON()).toEqual({
        code: 'non-finite',
        message: 'x.weight holds NaN at row 1, column 1, and cannot be quantized.',
        file: path,
        tensor: 'x.weight',
        byteOffset: byteOffset + 16,
      });
    }
  });

  it('a config.json that cannot be used, since the quantization belongs there', async () => {
    const path = writeModel(join(folder, 'config/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [1, 2], data: f32Data([1, 2]) },
    ]);
    writeFileSync(join(folder, 'config/config.json'), '{"rope_theta": NaN}');
    expect(await refusal(path)).toMatchObject({ code: 'refused' });
    writeFileSync(join(folder, 'config/config.json'), '{}');
    const report = await engine.call('quantize', request(path, join(folder, 'config-out')));
    const config = JSON.parse(readFileSync(join(dirname(report.open), 'config.json'), 'utf8'));
    expect(Object.keys(config)).toEqual(['quantization_config']);
  });

  it('a scale that its type cannot hold, naming the tensor', async () => {
    const path = writeModel(join(folder, 'scale/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [1, 2], data: f32Data([1e30, 2]) },
    ]);
    for (const granularity of ['row', 'tensor'] as const) {
      const error = await refusal(path, undefined, { granularity, scaleDtype: 'F16' });
      expect(error).toMatchObject({ code: 'refused', tensor: 'x.weight', file: path });
      expect(error.message).toMatch(/^x\.weight: /);
    }
  });

  it('a choice that does not exist', async () => {
    for (const more of [{ granularity: 'block:3' }, { scaleDtype: 'F64' }, { scheme: 'int7' }]) {
      expect((await refusal(demoModel, undefined, more)).code).toBe('usage');
    }
  });

  it('a GGUF file, in plain words', async () => {
    const path = join(folder, 'model.gguf');
    writeFileSync(
      path,
      makeGguf({
        metadata: [],
        tensors: [{ name: 'x.weight', dtype: 'F32', shape: [2, 2], data: f32Data([1, 2, 3, 4]) }],
      }),
    );
    expect(await refusal(path)).toMatchObject({ code: 'unsupported' });
  });

  it('a source that changes meanwhile', async () => {
    const path = writeModel(join(folder, 'moving/model.safetensors'), [
      { name: 'x.weight', dtype: 'F32', shape: [3000, 1000], data: f32Data(randomValues(3_000_000)) },
    ]);
    // On a busy machine the job can end before this process hears of its progress: then it is tried again.
    let failure: LoupeError | undefined;
    for (let attempt = 1; attempt <= 8 && !failure; attempt++) {
      rmSync(join(folder, 'never'), { recursive: true, force: true });
      let touched = false;
      const call = engine.call('quantize', request(path, join(folder, 'never'), { granularity: 'tensor' }), {
        progress: () => {
          if (!touched) utimesSync(path, attempt, attempt);
          touched = true;
        },
      });
      failure = await call.then(
        () => undefined,
        (thrown: LoupeError) => thrown,
      );
    }
    expect(failure?.code).toBe('changed');
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});
