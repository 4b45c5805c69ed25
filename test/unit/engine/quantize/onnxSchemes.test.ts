/** ONNX models quantized by each scheme, run by onnxruntime beside the original with its weights dequantized. */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SchemeChoice } from '../../../../src/quant/types';
import { smallOnnx } from '../../../fixtures/onnxModels';
import { sharedPath } from '../../../fixtures/shared';
import { request, startEngine } from '../support';
import { dense, denseFeeds, floats, mixedBytes, mixedFeeds, newFolder, save } from './onnxNetworks';
import { decodedWeights, distance, type Feeds, floatsOf, parsed, run, withValues } from './onnxRuns';

const engine = startEngine();

const choices: readonly SchemeChoice[] = [
  ...(['int8-absmax', 'int8-zeropoint'] as const).flatMap((scheme): SchemeChoice[] => [
    { scheme, granularity: 'row' },
    { scheme, granularity: 'tensor' },
    { scheme, granularity: 'row', clip: 'mse' },
    { scheme, granularity: 'block', blockSize: 64 },
  ]),
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 16 },
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 256 },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 128, clip: 'mse' },
  { scheme: 'int2-absmax', granularity: 'block', blockSize: 16 },
  { scheme: 'int2-zeropoint', granularity: 'block', blockSize: 32 },
  { scheme: 'nf4', granularity: 'block', blockSize: 32 },
  { scheme: 'nf4', granularity: 'block', blockSize: 64 },
  { scheme: 'fp4', granularity: 'block', blockSize: 32 },
];

/** Quantizes, reads the result in every way, and runs it. */
async function expectSound(
  path: string,
  choice: SchemeChoice,
  feeds: Feeds,
  tolerance: number,
): Promise<void> {
  const out = join(dirname(path), `${Object.values(choice).join('-')}.onnx`);
  const preview = await engine.call('errors', { path, choice });
  const report = await engine.call('quantize', request(path, out, choice));
  expect([report.open, report.outputs, statSync(out).size]).toEqual([out, [out], report.bytesAfter]);
  expect(report.tensors).toEqual(preview);
  const catalogue = await engine.call('open', { path });
  const opened = await engine.call('open', { path: out });
  expect(opened.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
  const decoded = decodedWeights(out, path);
  const quantized = report.tensors.filter(({ note }) => note === undefined);
  expect(quantized.length).toBeGreaterThan(0);
  expect([...decoded.keys()].sort()).toEqual(quantized.map(({ name }) => name).sort());
  for (const row of quantized) {
    const { values, step } = decoded.get(row.name)!;
    const tensor = catalogue.tensors.names.indexOf(row.name);
    const original = originalValues(path, row.name);
    let squares = 0;
    for (const [i, x] of original.entries()) {
      const error = Math.abs(x - values[i]!);
      squares += (x - values[i]!) ** 2;
      // A clipping search gives up the outermost values.
      if (choice.clip !== 'mse') expect(error).toBeLessThanOrEqual(0.5001 * step(i));
    }
    expect(Math.abs(squares / original.length - row.mse)).toBeLessThanOrEqual(1e-9 * row.mse);
    const figures = ({ mse, sqnr, maxAbs, cosine, meanAbs }: typeof row) => [
      mse,
      sqnr,
      maxAbs,
      cosine,
      meanAbs,
    ];
    const written = await engine.call('errorDetail', { path, tensor, against: { kind: 'file', path: out } });
    expect([row.name, ...figures(written.tensor)]).toEqual([row.name, ...figures(row)]);
    const region = { row0: 1, row1: 5, column0: 2, column1: 9 };
    const tile = { path, tensor, region, rows: 4, columns: 7 };
    const computed = await engine.call('errorTile', { ...tile, against: { kind: 'scheme', choice } });
    expect(
      (await engine.call('errorTile', { ...tile, against: { kind: 'file', path: out } })).dequantized,
    ).toEqual(computed.dequantized);
  }
  const [want] = await run(withValues(path, decoded), feeds);
  const [got] = await run(out, feeds);
  expect(distance(want!, got!)).toBeLessThan(tolerance);
  const [fused] = await run(out, feeds, 'all');
  expect(distance(want!, fused!)).toBeLessThan(0.02);
}

function originalValues(path: string, name: string): Float32Array {
  const { graph } = parsed(path);
  const found =
    graph!.initializer.find((tensor) => tensor.name === name) ??
    graph!.node.find((node) => node.opType === 'Constant' && node.output[0] === name)?.attribute[0]?.t;
  return found!.rawData.length > 0 ? floatsOf(found!) : Float32Array.from(found!.floatData);
}

describe.each(choices)('%j', (choice) => {
  it('runs as the dense graph of its dequantized weights does', async () => {
    await expectSound(save(smallOnnx(dense)), choice, denseFeeds, 1e-5);
  });

  it('runs as the graph of a convolution, a shared weight and a table', async () => {
    await expectSound(save(mixedBytes()), choice, mixedFeeds, 1e-5);
  });
});

const shared = sharedPath('models/onnx');
it.skipIf(shared === undefined)(
  'a network for text direction, all of whose weights are constants, runs quantized',
  async () => {
    const path = join(shared!, 'ch_ppocr_mobile_v2.0_cls_infer.onnx');
    const out = join(newFolder(), 'ocr.onnx');
    const report = await engine.call(
      'quantize',
      request(path, out, { scheme: 'int8-absmax', granularity: 'row' }),
    );
    expect(report.tensors.filter(({ to }) => to === 'INT8').length).toBe(54);
    expect(report.bytesAfter).toBeLessThan(0.6 * report.bytesBefore);
    const feeds = { x: floats([1, 3, 48, 192], 5) };
    const [want] = await run(withValues(path, decodedWeights(out, path)), feeds);
    const [got] = await run(out, feeds);
    expect(distance(want!, got!)).toBeLessThan(1e-4);
    console.log(`OCR: outputs ${(await run(path, feeds))[0]!.join(' ')} became ${got!.join(' ')}`);
  },
);
