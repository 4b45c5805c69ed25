/**
 * A program for processes of their own: encodes matrices by the kernels and by graphs of the provider that its argument names,
 * and sends the differences to its parent. Bundled by the test, since a driver is chosen by the process's environment.
 */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { OrtEncoder, type OrtProvider } from '../../../../src/engine/backends/ortEncoder';
import { kernelEncoder } from '../../../../src/engine/worker/serveTasks';
import { Kernels } from '../../../../src/kernels/kernels';
import { bandKernelFor, graphKernelFor } from '../../../../src/quant/bandKernels/bandKernelFor';
import { settingFor } from '../../../../src/quant/choice';
import { encodingFor } from '../../../../src/quant/encoding';
import type { Chunk, Encoding, Knowledge, Setting } from '../../../../src/quant/scheme';
import type { SchemeChoice } from '../../../../src/quant/types';

export interface GraphJob {
  readonly choice: SchemeChoice;
  readonly rows: number;
  readonly columns: number;
  readonly tiny: boolean;
  readonly values: readonly number[];
}

/** How many of the codes, dequantized values and bytes of a job are not the kernels', and not the plain code's. */
export interface GraphDifferences {
  readonly codes: number;
  readonly values: number;
  readonly bytes: number;
  readonly plainCodes: number;
  /** Calls of graphs. */
  readonly calls: number;
}

const [, , provider, kernelsPath, jobsPath] = process.argv;
const jobs: readonly GraphJob[] = JSON.parse(readFileSync(jobsPath!, 'utf8'));

const different = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let count = Math.abs(a.length - b.length);
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (!Object.is(a[i], b[i])) count++;
  return count;
};

function survey(encoding: Encoding, values: Float32Array): Knowledge {
  const known: Float64Array[] = [];
  for (const pass of encoding.surveys) {
    const state = pass.start();
    pass.add(state, { first: 0, values }, known);
    known.push(state);
  }
  return known;
}

const bytesOf = (chunks: Iterable<Chunk>): number[] => {
  const all: number[] = [];
  for (const { byteOffset, bytes } of chunks) {
    all.push(byteOffset);
    for (const byte of bytes) all.push(byte);
  }
  return all;
};

const kernels = Kernels.instantiate(readFileSync(kernelsPath!));
const encoder = new OrtEncoder(ort, provider as OrtProvider, kernels, kernelEncoder(kernels));

async function run(job: GraphJob): Promise<GraphDifferences> {
  kernels.reset();
  const setting: Setting = settingFor(job.choice, 'F32', job);
  const values = Float32Array.from(job.values);
  const encoding = encodingFor(setting);
  const known = survey(encoding, values);
  const band = {
    first: 0,
    count: values.length,
    x: kernels.alloc(4 * values.length),
    y: kernels.alloc(4 * values.length),
  };
  kernels.f32(band.x, band.count).set(values);
  const results = [];
  let calls = 0;
  for (const kernel of [
    bandKernelFor(kernels, setting)!,
    graphKernelFor(kernels, setting, (call) => {
      calls++;
      return encoder.encode(call);
    })!,
  ]) {
    kernels.f32(band.y, band.count).fill(Number.NaN);
    const encoded = (await kernel(band, known))!;
    results.push({
      codes: kernels.u8(encoded.codes!, band.count).slice(),
      values: kernels.f32(band.y, band.count).slice(),
      bytes: bytesOf(encoded.chunks()),
    });
  }
  const [own, graph] = results as [(typeof results)[0], (typeof results)[0]];
  const plain = encoding.encode({ first: 0, values }, known);
  return {
    codes: different(graph.codes, own.codes),
    values: different(graph.values, own.values),
    bytes: different(graph.bytes, own.bytes),
    plainCodes: different(graph.codes, plain.codes!),
    calls,
  };
}

const results: GraphDifferences[] = [];
for (const job of jobs) results.push(await run(job));
process.send?.(results, () => process.exit(0));
