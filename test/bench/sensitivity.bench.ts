/**
 * Comparing schemes: a model of the shapes of Llama 2 7B, sampled, and 0.8 GB of it exactly. The large file is sparse: only
 * the rows that the sample reads hold values, and all of it lies in the file cache, so that this measures computing. A
 * cold disk adds about 32 short reads a tensor.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineClient } from '../../src/engine/client';
import { bandNeeds, sampleBands } from '../../src/engine/sensitivity/sampleBands';
import { planSafetensors } from '../../src/formats/safetensors/writer';
import { f32BitsToBf16 } from '../../src/numeric/floats';
import type { SchemeChoice } from '../../src/protocol/engineApi';
import { settingFor } from '../../src/quant/choice';
import { choiceLabel } from '../../src/quant/choiceLabel';
import { encodingFor } from '../../src/quant/encoding';

const sampleValues = 2 ** 18;
/** Bytes of embedding and head, which are kept. */
const tables = 2 * 2 * 32000 * 4096;
const choices: readonly SchemeChoice[] = [
  { scheme: 'int8-absmax', granularity: 'row' },
  { scheme: 'int4-absmax', granularity: 'block', blockSize: 32 },
  { scheme: 'int4-zeropoint', granularity: 'block', blockSize: 128 },
  { scheme: 'nf4', granularity: 'block', blockSize: 64 },
  { scheme: 'f8-e4m3', granularity: 'row' },
  { scheme: 'mxfp4', granularity: 'block' },
];
const slower: SchemeChoice = { scheme: 'int4-absmax', granularity: 'block', blockSize: 128, clip: 'mse' };

function shapes(layers: number): { name: string; dtype: 'BF16'; shape: [number, number] }[] {
  const square = ['q', 'k', 'v', 'o'].map((name): [string, number, number] => [
    `self_attn.${name}_proj`,
    4096,
    4096,
  ]);
  const all: [string, number, number][] = [
    ...square,
    ['mlp.gate_proj', 11008, 4096],
    ['mlp.up_proj', 11008, 4096],
    ['mlp.down_proj', 4096, 11008],
  ];
  const linear = Array.from({ length: layers }, (_, layer) =>
    all.map(([name, rows, columns]) => ({
      name: `model.layers.${layer}.${name}.weight`,
      dtype: 'BF16' as const,
      shape: [rows, columns] as [number, number],
    })),
  ).flat();
  const table = { dtype: 'BF16' as const, shape: [32000, 4096] as [number, number] };
  return [{ name: 'model.embed_tokens.weight', ...table }, ...linear, { name: 'lm_head.weight', ...table }];
}

/** Roughly normal BF16 values, the same in every run. */
function normalBytes(count: number): Uint8Array {
  const values = new Float32Array(count);
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < count; i++) values[i] = 0.02 * (next() + next() + next() + next() - 2);
  return new Uint8Array(Uint16Array.from(new Uint32Array(values.buffer), f32BitsToBf16).buffer);
}

/** Writes a model; `sparse`: only what samples of the choices read. */
function writeModel(path: string, layers: number, sparse: boolean): number {
  const tensors = shapes(layers);
  const plan = planSafetensors(tensors);
  const file = openSync(path, 'w');
  ftruncateSync(file, plan.totalBytes);
  writeSync(file, plan.headerBytes, 0, plan.headerBytes.length, 0);
  const bytes = normalBytes(2 ** 23);
  const offsets = new Map(plan.entries.map((entry) => [entry.name, entry.byteOffset]));
  for (const {
    name,
    shape: [rows, columns],
  } of tensors) {
    const byteOffset = offsets.get(name)!;
    const write = (row: number, count: number) => {
      const end = byteOffset + 2 * columns * (row + count);
      let from = (row * 7919 * 64) % (bytes.length / 2);
      for (let at = byteOffset + 2 * columns * row; at < end; from = 0) {
        const length = Math.min(bytes.length - from, end - at);
        writeSync(file, bytes, from, length, at);
        at += length;
      }
    };
    if (!sparse) write(0, rows);
    else if (!name.endsWith('proj.weight')) continue;
    else
      for (const choice of choices) {
        const needs = bandNeeds(encodingFor(settingFor(choice, 'BF16', { rows, columns })), columns, 1);
        for (const band of sampleBands(name, { rows, columns }, sampleValues, needs)!)
          write(band.row, band.rows);
      }
  }
  closeSync(file);
  return plan.totalBytes;
}

const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-sensitivity-'));
const enginePath = join(process.cwd(), 'dist/engine.js');

/** Processor seconds and peak memory of a process, which other work on the machine hardly changes; Linux alone tells. */
function used(pid: number | undefined): { seconds: number; megabytes: number } {
  if (pid === undefined || !existsSync(`/proc/${pid}/stat`))
    return { seconds: Number.NaN, megabytes: Number.NaN };
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { seconds: (Number(fields[11]) + Number(fields[12])) / 100, megabytes: Number(peak?.[1]) / 1024 };
}

async function measure(path: string, wanted: readonly SchemeChoice[], sampled: boolean) {
  const engine = new EngineClient({ enginePath });
  const { tensors } = await engine.call('open', { path });
  const all = Array.from({ length: tensors.count }, (_, i) => i);
  let first = 0;
  const before = used(engine.pid);
  const start = performance.now();
  const { cells } = await engine.call(
    'sensitivity',
    { path, tensors: all, choices: wanted, sampleValues: sampled ? sampleValues : undefined },
    {
      progress: () => {
        first ||= (performance.now() - start) / 1000;
      },
    },
  );
  const seconds = (performance.now() - start) / 1000;
  const { seconds: total, megabytes } = used(engine.pid);
  const processor = total - before.seconds;
  engine.dispose();
  const own = cells.filter(({ sampled: of, state }) => state === 'quantized' && (!sampled || of));
  const widths = own.flatMap(({ sampled: of }) =>
    of?.sqnrLow && of.sqnrHigh ? [of.sqnrHigh - of.sqnrLow] : [],
  );
  const width = widths.sort((a, b) => a - b)[widths.length >> 1];
  return { seconds, processor, megabytes, first, quantized: own.length, width };
}

try {
  const large = join(folder, 'large.safetensors');
  const gigabytes = writeModel(large, 32, true) / 1e9;
  const times = ({ seconds, processor, megabytes }: Awaited<ReturnType<typeof measure>>) =>
    `${seconds.toFixed(2)} s, ${processor.toFixed(2)} s of processor time, peak ${megabytes.toFixed(0)} MB`;
  const sampled = await measure(large, choices, true);
  console.log(
    `7B, ${gigabytes.toFixed(1)} GB of BF16, sampled, ${choices.length} schemes: ${times(sampled)}; first cells after ${sampled.first.toFixed(2)} s, ${sampled.quantized} cells, intervals ${sampled.width?.toFixed(2)} dB wide in the median`,
  );
  for (const choice of choices)
    console.log(`  ${choiceLabel(choice)}: ${times(await measure(large, [choice], true))}`);
  rmSync(large);

  const small = join(folder, 'small.safetensors');
  const quantized = (writeModel(small, 1, false) - tables) / 1e9;
  console.log(`one layer, ${choiceLabel(slower)}, sampled: ${times(await measure(small, [slower], true))}`);
  for (const wanted of [...choices.map((choice) => [choice]), choices]) {
    const label = wanted.length === 1 ? choiceLabel(wanted[0]!) : `${wanted.length} schemes`;
    const exact = await measure(small, wanted, false);
    console.log(
      `exact, ${quantized.toFixed(2)} GB, ${label}: ${times(exact)}, ${((quantized * wanted.length) / exact.processor).toFixed(2)} GB a processor second and scheme`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
