/**
 * The tensor viewer's tiles of a 16,384 x 16,384 F32 tensor (1 GiB) read from a warm file cache: the first overview,
 * which reads everything, beside a plain loop of reads; and tiles a second while zoomed in and out.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineClient } from '../../src/engine/client';
import { planSafetensors } from '../../src/formats/safetensors/writer';
import type { Aggregate } from '../../src/protocol/engineApi';

const size = 16_384;
const totalBytes = 4 * size * size;
/** Requests that a page has under way at once. */
const atOnce = 6;

function writeModel(path: string): void {
  const values = new Float32Array(2 ** 22);
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  const plan = planSafetensors([{ name: 'w', dtype: 'F32', shape: [size, size] }]);
  const file = openSync(path, 'w');
  writeSync(file, plan.headerBytes, 0, plan.headerBytes.length, 0);
  const bytes = new Uint8Array(values.buffer);
  for (let at = 0; at < totalBytes; at += bytes.length)
    writeSync(file, bytes, 0, bytes.length, plan.entries[0]!.byteOffset + at);
  closeSync(file);
}

function readWhole(path: string): number {
  const start = performance.now();
  const buffer = new Uint8Array(4 * 2 ** 20);
  const file = openSync(path, 'r');
  for (let at = 0; at < totalBytes; at += buffer.length) readSync(file, buffer, 0, buffer.length, at);
  closeSync(file);
  return (performance.now() - start) / 1000;
}

/** The region of tile `n` of a level: a walk over the whole matrix. */
function tileAt(level: number, n: number) {
  const cells = Math.min(256, size / 2 ** level);
  const span = cells * 2 ** level;
  const across = size / span;
  const place = (n * 7919) % (across * across);
  const [row0, column0] = [Math.floor(place / across) * span, (place % across) * span];
  return {
    region: { row0, row1: row0 + span, column0, column1: column0 + span },
    rows: cells,
    columns: cells,
  };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-view-'));
try {
  const path = join(folder, 'model.safetensors');
  writeModel(path);
  const plain = median([readWhole(path), readWhole(path), readWhole(path)]);
  console.log(`plain reads of 1 GiB: ${plain.toFixed(2)} s, ${(totalBytes / 1e9 / plain).toFixed(2)} GB/s`);
  const enginePath = join(process.cwd(), 'dist/engine.js');

  for (const aggregate of ['extreme', 'mean'] as Aggregate[]) {
    const seconds: number[] = [];
    for (let round = 0; round < 3; round++) {
      const fresh = new EngineClient({ enginePath });
      await fresh.call('open', { path });
      // Workers start and compile their kernels.
      await fresh.call('tile', { path, tensor: 0, aggregate, ...tileAt(0, 0), aligned: true });
      const start = performance.now();
      await fresh.call('tile', { path, tensor: 0, aggregate, rows: 1024, columns: 1024, aligned: true });
      seconds.push((performance.now() - start) / 1000);
      fresh.dispose();
    }
    const overview = median(seconds);
    console.log(
      `first overview, ${aggregate}: ${overview.toFixed(2)} s, ${(totalBytes / 1e9 / overview).toFixed(2)} GB/s, ${(plain / overview).toFixed(2)} x plain reads`,
    );
  }

  const engine = new EngineClient({ enginePath });
  await engine.call('open', { path });
  await engine.call('tile', { path, tensor: 0, rows: 1024, columns: 1024, aligned: true });
  for (const level of [0, 1, 2, 3, 4, 6]) {
    const most = Math.min(400, (size / (256 * 2 ** level)) ** 2);
    let [next, done] = [0, 0];
    const start = performance.now();
    const walk = async () => {
      while (next < most && performance.now() - start < 3000) {
        await engine.call('tile', { path, tensor: 0, ...tileAt(level, next++), aligned: true });
        done++;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, walk));
    const elapsed = (performance.now() - start) / 1000;
    console.log(
      `level ${level} (${4 ** level} values a cell): ${(done / elapsed).toFixed(0)} tiles a second of 256 x 256 cells`,
    );
  }
  engine.dispose();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
