/** Weights of ONNX models on a chosen backend: the files, codes and figures of the kernels. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackendName } from '../../../../src/protocol/engineApi';
import { encodeLaterBy } from '../../../../src/quant/bandKernels/bandKernelFor';
import { settingFor } from '../../../../src/quant/choice';
import { encodingFor } from '../../../../src/quant/encoding';
import type { Recipe } from '../../../../src/quant/recipe';
import type { Setting } from '../../../../src/quant/scheme';
import type { SchemeChoice } from '../../../../src/quant/types';
import { smallOnnx } from '../../../fixtures/onnxModels';
import { loadKernels } from '../../kernels/loadKernels';
import { failureOf, randomValues, request, startEngine, temporaryFolder } from '../support';
import { softwareVulkan } from './softwareVulkan';

const folder = temporaryFolder();
const software = softwareVulkan(folder);
const [K, N] = [96, 80];
const path = join(folder, 'net.onnx');
writeFileSync(
  path,
  smallOnnx({
    nodes: [
      { opType: 'Gather', input: ['table', 'ids'], output: ['x'] },
      { opType: 'MatMul', input: ['x', 'w'], output: ['h'] },
      { opType: 'Gemm', input: ['h', 'g', 'bias'], output: ['y'], integers: { transB: 1 } },
    ],
    weights: [
      { name: 'w', shape: [K, N], values: randomValues(K * N, 1) },
      { name: 'g', shape: [64, N], values: randomValues(64 * N, 2) },
      { name: 'table', shape: [16, K], values: randomValues(16 * K, 3) },
      { name: 'bias', shape: [64], values: randomValues(64, 4) },
    ],
    inputs: [{ name: 'ids', shape: [3], type: 7 }],
    outputs: ['y'],
  }),
);

const choices: readonly SchemeChoice[] = [
  { scheme: 'int8-absmax', granularity: 'row' },
  { scheme: 'int8-zeropoint', granularity: 'tensor', output: 'qdq' },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'int2-zeropoint', granularity: 'block', blockSize: 16 },
  { scheme: 'int8-absmax', granularity: 'row', clip: 'mse' },
  { scheme: 'nf4', granularity: 'block', blockSize: 32 },
];

let outputs = 0;
async function written(engine: ReturnType<typeof startEngine>, backend: BackendName, choice: SchemeChoice) {
  const out = join(folder, `${outputs++}.onnx`);
  // With the table of the Gather, which is kept otherwise.
  const rules = choice.scheme === 'nf4' ? [] : [{ match: 'table', choice }];
  const recipe: Recipe = { version: 1, default: choice, rules };
  const report = await engine.call('quantize', request(path, out, { recipe, backend }));
  expect(report.backend).toMatchObject({ requested: backend, used: backend });
  return { bytes: readFileSync(out), rows: report.tensors };
}

async function expectSame(engine: ReturnType<typeof startEngine>, backend: BackendName) {
  for (const choice of choices) {
    const [own, other] = [await written(engine, 'cpu', choice), await written(engine, backend, choice)];
    expect(other.rows).toEqual(own.rows);
    expect(other.bytes.equals(own.bytes)).toBe(true);
    expect(own.rows.some(({ to, from }) => to !== from)).toBe(true);
  }
}

describe('the weights of an ONNX model', () => {
  it("are on ONNX Runtime's CPU provider what they are on the kernels", async () => {
    await expectSame(startEngine(), 'ort-cpu');
  }, 120_000);

  it.skipIf(!software)(
    'are so on WebGPU with a software driver, too',
    async () => {
      await expectSame(startEngine({ env: software! }), 'webgpu');
    },
    300_000,
  );

  it('are refused on a backend that makes none of what was asked for', async () => {
    const own = startEngine();
    const cast = request(path, join(folder, 'cast.onnx'), {
      ...{ scheme: 'f16', granularity: 'none', backend: 'ort-cpu' },
    });
    const failure = await failureOf(own.call('quantize', cast));
    expect([failure.code, failure.message]).toEqual([
      'unsupported',
      'What goes into ONNX files is computed on the CPU only; choose the backend "cpu" or "auto".',
    ]);
  });
});

describe('the codes of a graph weight that are made elsewhere', () => {
  const kernels = loadKernels();
  const rows = 64;
  const columns = 48;
  const values = randomValues(rows * columns, 5);

  it.each([0, 1] as const)(
    'are asked for, and become what the plain code gives; output axis %d',
    async (outputAxis) => {
      let calls = 0;
      const base: readonly SchemeChoice[] = [
        { scheme: 'int8-absmax', granularity: 'row' },
        { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 16 },
      ];
      for (const choice of base) {
        const setting: Setting = {
          ...settingFor(choice, 'F32', { rows, columns }),
          graph: { operator: 'MatMul', outputAxis },
        };
        const encoding = encodingFor(setting);
        const known: Float64Array[] = [];
        for (const survey of encoding.surveys) {
          const state = survey.start();
          survey.add(state, { first: 0, values }, known);
          known.push(state);
        }
        const later = encodeLaterBy(kernels, setting, (call) => {
          calls++;
          const x = kernels.f32(call.x, call.rows * call.columns);
          const codes = kernels.u8(call.codes, call.rows * call.strideBytes);
          const count = call.byColumn ? call.columns : call.rows;
          const [inverses, zeros] = [kernels.f32(call.inverses, count), kernels.f32(call.zeros, count)];
          for (let row = 0; row < call.rows; row++)
            for (let column = 0; column < call.columns; column++) {
              const own = call.byColumn ? column : row;
              const scaled = Math.fround(x[row * call.columns + column]! * inverses[own]!);
              const whole = Math.round(scaled);
              // Halves go to the even neighbour.
              const even = Math.abs(whole - scaled) === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
              const code = even + zeros[own]!;
              codes[row * call.strideBytes + column] = Math.min(Math.max(code, call.low), call.high);
            }
        })!;
        const plain = encoding.encode({ first: 0, values }, known);
        const made = await later({ first: 0, values }, known);
        expect(made.codes).toEqual(plain.codes);
        expect(made.dequantized).toEqual(plain.dequantized);
        expect(made.chunks()).toEqual(plain.chunks());
      }
      expect(calls).toBe(base.length);
    },
  );
});
