/** A model close to the 2 GiB of a protocol buffer, whose output has its data beside it. The source is a sparse file. */
import { closeSync, ftruncateSync, openSync, statfsSync, statSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TensorProto_DataType as Type } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import {
  concatenated,
  fieldHead,
  fieldsOf,
  integerField,
  textField,
} from '../../../../src/formats/onnx/wireWriter';
import { smallOnnx } from '../../../fixtures/onnxModels';
import { randomValues, request, startEngine, temporaryFolder } from '../support';
import { parsed, run } from './onnxRuns';

const folder = temporaryFolder();
/** 2,130,706,432 bytes of F32: less than 2^31, but not with an eighth of it more. */
const [rows, columns] = [2 ** 20, 508];
const dataBytes = 4 * rows * columns;
const blockSize = 128;
/** Rows that are not 0. */
const filled = [0, 777_777, rows - 1].map((row, i) => ({ row, values: randomValues(columns, i + 1) }));

/** A Gather of one table, whose bytes are holes of the file but for some rows; the output is one more than it. */
function writeSparse(path: string): void {
  const small = smallOnnx({
    nodes: [
      { opType: 'Gather', input: ['table', 'ids'], output: ['a'] },
      { opType: 'Add', input: ['a', 'one'], output: ['y'] },
    ],
    weights: [{ name: 'one', shape: [1, 1], values: [1] }],
    inputs: [{ name: 'ids', shape: [filled.length], type: Type.INT64 }],
    outputs: ['y'],
  });
  const fields = fieldsOf(small);
  const graph = fields.find(({ number }) => number === 7)!;
  const others = fields.filter((field) => field !== graph);
  const shape = [integerField(1, rows), integerField(1, columns)];
  const tensor = concatenated(
    ...shape,
    integerField(2, Type.FLOAT),
    textField(8, 'table'),
    fieldHead(9, dataBytes),
  );
  const initializer = concatenated(fieldHead(5, tensor.length + dataBytes), tensor);
  const lead = concatenated(
    ...others.map(({ tagStart, end }) => small.subarray(tagStart, end)),
    fieldHead(7, graph.payload.length + initializer.length + dataBytes),
    graph.payload,
    initializer,
  );
  const file = openSync(path, 'w');
  writeSync(file, lead);
  for (const { row, values } of filled)
    writeSync(file, new Uint8Array(values.buffer), 0, 4 * columns, lead.length + 4 * row * columns);
  ftruncateSync(file, lead.length + dataBytes);
  closeSync(file);
}

const { bavail, bsize } = statfsSync(folder);
const hasRoom = bavail * bsize > 2e9;
if (!hasRoom) console.log('Skipped: less than 2 GB of the disk are free for an ONNX model near its limit.');

it.skipIf(!hasRoom)(
  'an inline model whose output would pass 2 GiB gets a data file, and runs',
  async () => {
    const path = join(folder, 'net.onnx');
    writeSparse(path);
    // Where the file system knows no holes, this is a large file, and the test still holds.
    expect(statSync(path).size).toBeGreaterThan(dataBytes);
    const engine = startEngine();
    const out = join(folder, 'out.onnx');
    const choice = { scheme: 'int4-absmax', granularity: 'block', blockSize } as const;
    const recipe = { version: 1, default: 'keep', rules: [{ match: 'table', choice }] } as const;
    const report = await engine.call('quantize', { ...request(path, out), recipe });
    expect(report.outputs.map((file) => basename(file))).toEqual([
      'out.onnx.data',
      'out.onnx',
      'out.onnx.loupe-recipe.json',
    ]);
    const tensors = parsed(out).graph!.initializer.map(({ name, externalData }) => [
      name,
      Object.fromEntries(externalData.map(({ key, value }) => [key, value])).location,
    ]);
    expect(Object.fromEntries(tensors)).toEqual({
      one: undefined,
      table: 'out.onnx.data',
      table_scale: 'out.onnx.data',
    });
    const ids = BigInt64Array.from(filled, ({ row }) => BigInt(row));
    const [got] = await run(out, { ids: new ort.Tensor('int64', ids, [filled.length]) });
    for (const [i, { values }] of filled.entries())
      for (let block = 0; block < columns; block += blockSize) {
        const run = values.subarray(block, block + blockSize);
        const step = run.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 7;
        for (const [at, value] of run.entries())
          expect(Math.abs(got![i * columns + block + at]! - 1 - value)).toBeLessThanOrEqual(0.501 * step);
      }
  },
  180_000,
);
