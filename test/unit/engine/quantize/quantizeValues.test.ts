/** Values and shapes that a scheme cannot take: refused by row, column and byte. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32Data } from '../../../fixtures/makeCheckpoint';
import { failureOf, request, startEngine, temporaryFolder, writeModel } from '../support';

const engine = startEngine();
const folder = temporaryFolder();

describe('what cannot be quantized', () => {
  const one = (values: number[], name: string) =>
    writeModel(join(folder, name, 'model.safetensors'), [
      { name: 'a.weight', dtype: 'F32', shape: [2, values.length / 2], data: f32Data(values) },
    ]);

  it('finds them behind many values, where sums tell first that something is wrong', async () => {
    const columns = 100_001;
    const at = columns + 99_990;
    for (const [bad, word] of [
      [Number.NaN, 'NaN'],
      [Number.NEGATIVE_INFINITY, '-Infinity'],
    ] as const) {
      const values = Array.from({ length: 2 * columns }, (_, i) => (i % 97) / 97 - 0.5);
      values[at] = bad;
      const path = one(values, `far-${word}`);
      const data = 8 + Number(readFileSync(path).readBigUInt64LE(0));
      for (const choice of [
        { scheme: 'int8-absmax', granularity: 'row' },
        { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
        { scheme: 'nf4', granularity: 'block' },
        { scheme: 'f8-e4m3', granularity: 'none' },
        { scheme: 'bf16', granularity: 'none' },
        { scheme: 'prune-nm', granularity: 'none' },
        { scheme: 'int8-absmax', granularity: 'row', output: 'fake' },
      ] as const) {
        const error = await failureOf(engine.call('errors', { path, choice }));
        expect(error).toMatchObject({ code: 'non-finite', tensor: 'a.weight', byteOffset: data + 4 * at });
        expect(error.message).toContain(`${word} at row 1, column 99990`);
      }
    }
    const values = new Array<number>(2 * columns).fill(1);
    values[at] = 70000;
    const path = one(values, 'far-large');
    const refused = await failureOf(
      engine.call('errors', { path, choice: { scheme: 'f16', granularity: 'none' } }),
    );
    expect(refused.message).toContain('70000 at row 1, column 99990, which would become Infinity in F16');
  });

  it('names the row, column and byte of NaN, infinity, and of what does not fit the type', async () => {
    const path = one([1, 2, 3, 4, Number.NaN, 6], 'nan');
    const data = 8 + Number(readFileSync(path).readBigUInt64LE(0));
    for (const choice of [
      { scheme: 'nf4', granularity: 'block' },
      { scheme: 'int4-absmax', granularity: 'tensor' },
      { scheme: 'prune-magnitude', granularity: 'none' },
    ] as const) {
      const error = await failureOf(engine.call('errors', { path, choice }));
      expect(error).toMatchObject({ code: 'non-finite', tensor: 'a.weight', byteOffset: data + 16 });
      expect(error.message).toContain('NaN at row 1, column 1');
    }
    const large = one([1, 2, 70000, 4, 5, 6], 'large');
    const cast = await failureOf(
      engine.call(
        'quantize',
        request(large, join(folder, 'large-out'), { scheme: 'f16', granularity: 'none' }),
      ),
    );
    expect(cast).toMatchObject({ code: 'refused', tensor: 'a.weight', byteOffset: data + 8 });
    expect(cast.message).toContain('70000 at row 0, column 2, which would become Infinity in F16');
    const nan = await failureOf(
      engine.call('errors', {
        path: large,
        choice: { scheme: 'f8-e4m3', granularity: 'none', overflow: 'nan' },
      }),
    );
    expect(nan.message).toContain('would become NaN in F8_E4M3');
    const [saturated] = await engine.call('errors', {
      path: large,
      choice: { scheme: 'f8-e4m3', granularity: 'none' },
    });
    expect(saturated!.maxAbs).toBe(70000 - 448);
  });

  it('refuses to write what no loader reads, naming tensor and reason, and another backend for plain code', async () => {
    const path = one(
      Array.from({ length: 2 * 48 }, (_, i) => i),
      'uneven',
    );
    const refusal = await failureOf(
      engine.call(
        'quantize',
        request(path, join(folder, 'uneven-out'), {
          scheme: 'int4-absmax',
          granularity: 'block',
          blockSize: 32,
        }),
      ),
    );
    expect(refusal).toMatchObject({ code: 'refused', tensor: 'a.weight' });
    expect(refusal.message).toContain('48 columns do not divide into groups of 32');
    const backend = await failureOf(
      engine.call(
        'quantize',
        request(path, join(folder, 'uneven-out'), {
          scheme: 'prune-magnitude',
          granularity: 'none',
          backend: 'ort-cpu',
        }),
      ),
    );
    expect(backend).toMatchObject({ code: 'unsupported' });
    const plain = await failureOf(
      engine.call(
        'quantize',
        request(path, join(folder, 'uneven-out'), { scheme: 'nf4', granularity: 'block', output: 'plain' }),
      ),
    );
    expect(plain.message).toContain('the output "fake" writes dequantized values');
  });

  it('is planned all the same when only sizes are asked for', async () => {
    const path = one([1, 2, 3, 4, 5, 6], 'sizes');
    const choice = { scheme: 'ternary', granularity: 'row' } as const;
    const asked = request(path, join(folder, 'sizes-out'), { ...choice, dryRun: true, sizesOnly: true });
    const plan = await engine.call('quantize', asked);
    // Two rows of a byte and of a scale of 4 bytes.
    expect(plan.tensors).toMatchObject([{ name: 'a.weight', to: 'ternary', bytes: 2 * (1 + 4) }]);
    expect([plan.label, plan.choice]).toEqual(['Ternary (1.58 bit) per row', choice]);
    expect((await failureOf(engine.call('quantize', { ...asked, dryRun: false }))).code).toBe('refused');
  });
});
