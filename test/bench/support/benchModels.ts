/** Made-up models for measuring, and what is measured beside the engine. */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { planSafetensors } from '../../../src/formats/safetensors/writer';

/** A projection of attention in a model of seven billion parameters. */
export const rows = 4096;
export const columns = 4096;

/** Values that are normally distributed, more or less: sums of four bytes. */
function someValues(): Float32Array {
  const values = new Float32Array(rows * columns);
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const bytes = (state & 0xff) + ((state >>> 8) & 0xff) + ((state >>> 16) & 0xff) + (state >>> 24);
    // The fraction that no sum of bytes has, so that float32 values are as varied as trained ones.
    values[i] = (bytes - 510 + (Math.imul(i, 2654435761) >>> 0) / 2 ** 32) / 5000;
  }
  return values;
}

/** Writes `tensors` matrices; returns the file's bytes. */
export function writeModel(path: string, dtype: 'BF16' | 'F32', tensors: number): number {
  const values = someValues();
  const words = new Uint32Array(values.buffer);
  const data = dtype === 'F32' ? values : Uint16Array.from(words, (word) => word >>> 16);
  const bytes = new Uint8Array(data.buffer);
  const { plan, file } = begin(path, dtype, [rows, columns], tensors);
  for (const { byteOffset } of plan.entries) writeSync(file, bytes, 0, bytes.length, byteOffset);
  closeSync(file);
  return plan.totalBytes;
}

/** As `writeModel` of zeros that take no room on the disk, each tensor of 1 GiB or all in one smaller one. */
export function writeSparseModel(path: string, bytes: number): number {
  const tensors = Math.max(1, Math.round(bytes / 2 ** 30));
  const each = Math.floor(bytes / tensors / 4 / 16384);
  const { plan, file } = begin(path, 'F32', [each, 16384], tensors);
  ftruncateSync(file, plan.totalBytes);
  closeSync(file);
  return plan.totalBytes;
}

function begin(path: string, dtype: 'BF16' | 'F32', shape: number[], tensors: number) {
  const names = Array.from({ length: tensors }, (_, i) => `layers.${i}.proj.weight`);
  const plan = planSafetensors(names.map((name) => ({ name, dtype, shape })));
  const file = openSync(path, 'w');
  writeSync(file, plan.headerBytes, 0, plan.headerBytes.length, 0);
  return { plan, file };
}

/** A plain loop of reads over a file; seconds. */
export function readWhole(path: string): number {
  const start = performance.now();
  const buffer = new Uint8Array(4 * 2 ** 20);
  const file = openSync(path, 'r');
  for (let at = 0; ; ) {
    const got = readSync(file, buffer, 0, buffer.length, at);
    if (got === 0) break;
    at += got;
  }
  closeSync(file);
  return (performance.now() - start) / 1000;
}

/** Drops a file from the system's cache; false where that cannot be done. */
export function makeCold(path: string): boolean {
  const script = `import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
os.fsync(fd)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)`;
  return spawnSync('/usr/bin/python3', ['-c', script, path]).status === 0;
}

/** Seconds that another program prints as JSON, or why it gave none. */
export function otherProgram(command: string, args: readonly string[]): number | string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) return stderr?.trim().split('\n').at(-1) || 'it could not be started';
  return (JSON.parse(stdout) as { seconds: number }).seconds;
}

/** Largest resident size that a process has had, in MB; undefined where the system does not tell. */
export function peakMegabytes(pid: number | undefined): number | undefined {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1000;
  } catch {
    return undefined;
  }
}

export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
