/**
 * Speed of reading quantized layouts from a file in the system's cache, on one thread: GB of float32 that the reader
 * of a worker writes in a second of the processor's time, file reads included, segment by segment as statistics do. Run it with
 * `node scripts/bench.mjs packed`; it is no part of the test suite.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { divide, parts, segmentElements } from '../../src/engine/matrix';
import { tensorSource } from '../../src/engine/tensorSource';
import { FileCache } from '../../src/engine/worker/fileCache';
import { SegmentReader } from '../../src/engine/worker/segmentReader';
import { openCheckpoint } from '../../src/formats/open';
import { Kernels } from '../../src/kernels/kernels';
import { dtypes } from '../../src/numeric/dtypes';
import { f32Data, i32Data, i64Data, makeSafetensors, type TensorFixture } from '../fixtures/makeCheckpoint';
import { randomBytes } from '../unit/kernels/randomValues';

const [rows, columns] = [4096, 4096];

/** Random bytes; floats are all one, so that no product is special. */
function piece(name: string, dtype: string, shape: readonly number[]): TensorFixture {
  const { blockBytes, blockElements } = dtypes.get(dtype)!;
  const count = shape.reduce((a, b) => a * b, 1);
  if (dtype === 'F32') return { name, dtype, shape, data: f32Data(new Float32Array(count).fill(0.5)) };
  const data = randomBytes((count / blockElements) * blockBytes, name.length);
  return { name, dtype, shape, data: dtype.startsWith('F8') ? data.map((code) => code & 0x77) : data };
}

const state = new TextEncoder().encode(
  JSON.stringify({ blocksize: 64, shape: [rows, columns], nested_blocksize: 256, nested_offset: 0.5 }),
);
const order = Array.from({ length: columns }, (_, k) => Math.floor(k / 128));
const bnb = (nested: boolean): TensorFixture[] => [
  piece('x.weight', 'U8', [(rows * columns) / 2, 1]),
  piece('x.weight.absmax', nested ? 'U8' : 'F32', [(rows * columns) / 64]),
  piece('x.weight.quant_map', 'F32', [16]),
  { name: 'x.weight.quant_state.bitsandbytes__nf4', dtype: 'U8', shape: [state.length], data: state },
  ...(nested
    ? [
        piece('x.weight.nested_absmax', 'F32', [(rows * columns) / 64 / 256]),
        piece('x.weight.nested_quant_map', 'F32', [256]),
      ]
    : []),
];
const gptq = (bits: number, groups: readonly number[]): TensorFixture[] => [
  piece('x.qweight', 'I32', [(columns * bits) / 32, rows]),
  piece('x.qzeros', 'I32', [32, (rows * bits) / 32]),
  piece('x.scales', 'F32', [32, rows]),
  { name: 'x.g_idx', dtype: 'I32', shape: [columns], data: i32Data(groups) },
];
const packed = (bits: number): TensorFixture[] => [
  piece('x.weight_packed', 'I32', [rows, (columns * bits) / 32]),
  piece('x.weight_scale', 'F32', [rows, 32]),
  { name: 'x.weight_shape', dtype: 'I64', shape: [2], data: i64Data([rows, columns]) },
  piece('x.weight_zero_point', 'I32', [(rows * bits) / 32, 32]),
];

const layouts: readonly (readonly [string, readonly TensorFixture[]])[] = [
  ['bitsandbytes NF4', bnb(false)],
  ['  scales quantized', bnb(true)],
  ['GPTQ 4 bits', gptq(4, order)],
  [
    '  own order',
    gptq(
      4,
      order.map((_, k) => order[(k * 7) % columns]!),
    ),
  ],
  ['GPTQ 3 bits', gptq(3, order)],
  [
    'AWQ',
    [
      piece('x.qweight', 'I32', [columns, rows / 8]),
      piece('x.qzeros', 'I32', [32, rows / 8]),
      piece('x.scales', 'F32', [32, rows]),
    ],
  ],
  ['packed 4 bits', packed(4)],
  ['packed 3 bits', packed(3)],
  ['packed 8 bits', packed(8)],
  [
    'NVFP4',
    [
      piece('x.weight_packed', 'U8', [rows, columns / 2]),
      piece('x.weight_scale', 'F8_E4M3', [rows, columns / 16]),
      piece('x.weight_global_scale', 'F32', [1]),
    ],
  ],
  [
    'MXFP4',
    [
      piece('x.weight_packed', 'U8', [rows, columns / 2]),
      piece('x.weight_scale', 'U8', [rows, columns / 32]),
    ],
  ],
  [
    'FP8 blocks',
    [
      piece('x.weight', 'F8_E4M3', [rows, columns]),
      piece('x.weight_scale_inv', 'F32', [rows / 128, columns / 128]),
    ],
  ],
  [
    'MLX 4 bits',
    [
      piece('x.weight', 'U32', [rows, columns / 8]),
      piece('x.scales', 'F32', [rows, columns / 64]),
      piece('x.biases', 'F32', [rows, columns / 64]),
    ],
  ],
];

const kernels = Kernels.instantiate(readFileSync('dist/kernels.wasm'));
const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-bench-'));
try {
  console.log(`[${rows}, ${columns}], GB of float32 a second of processor time, file in the cache`);
  for (const [name, tensors] of layouts) {
    const path = join(folder, 'model.safetensors');
    const width = ({ dtype }: TensorFixture) => dtypes.get(dtype)!.blockBytes;
    writeFileSync(path, makeSafetensors(tensors.toSorted((a, b) => width(b) - width(a))));
    const checkpoint = await openCheckpoint(path);
    const source = tensorSource(checkpoint, checkpoint.tensors[0]!);
    if (typeof source === 'string' || !source.packed) throw new Error(`${name}: ${source}`);
    const files = new FileCache();
    const times: number[] = [];
    for (let run = 0; run < 7; run++) {
      // A new reader: nothing of the run before is kept.
      const reader = new SegmentReader(kernels, files);
      kernels.reset();
      const dst = kernels.alloc(4 * segmentElements);
      const start = process.cpuUsage();
      for (const part of parts(source))
        for (const block of divide(part, segmentElements)) reader.read(source, block, dst);
      const { user, system } = process.cpuUsage(start);
      times.push((user + system) / 1e6);
    }
    files.closeAll();
    const best = Math.min(...times);
    const median = times.sort((a, b) => a - b)[3]!;
    const rate = (seconds: number) => ((4 * rows * columns) / seconds / 1e9).toFixed(2).padStart(6);
    console.log(`${name.padEnd(20)} ${rate(median)} GB/s, best ${rate(best)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
