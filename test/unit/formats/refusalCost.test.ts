/** What refusing costs: a hostile file must not make the process large or busy. Measured in a process of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawSafetensors } from '../../fixtures/makeCheckpoint';
import { rawNpy } from '../../fixtures/makeNumpy';
import { makeZip } from '../../fixtures/makeZip';
import { sharedPath } from '../../fixtures/shared';
import type { OpeningCost } from '../../fuzz/measureOpening';

const mostBytes = 64 * 1024 * 1024;
/** Far more than it takes: this is about bounds, and the machine may be busy. */
const mostCpuMs = 3_000;

const folder = mkdtempSync(join(tmpdir(), 'tensor-loupe-refusal-'));
const script = join(folder, 'measure.mjs');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const entry = fileURLToPath(new URL('../../fuzz/measureOpening.ts', import.meta.url));
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile: script });
});

function costs(paths: readonly string[]): OpeningCost[] {
  const output = execFileSync(process.execPath, ['--expose-gc', script, ...paths], { encoding: 'utf8' });
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as OpeningCost);
}

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: bigint) => Buffer.from(BigUint64Array.of(value).buffer);
const ggufText = (text: string) => Buffer.concat([u64(BigInt(text.length)), Buffer.from(text)]);
const ggufHead = (tensors: bigint, entries: bigint) =>
  Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(entries)]);
const nest = (open: string, bytes: number) => open.repeat(Math.floor(bytes / open.length));

const opcodes = (text: string) => Buffer.concat([Buffer.from([0x80, 2]), Buffer.from(text, 'latin1')]);

/** Files by name, and how long they are to be made with zeros that take no disk. */
const hostile: Readonly<Record<string, { bytes: Uint8Array; sparseBytes?: number; opens?: boolean }>> = {
  'nest.safetensors': { bytes: rawSafetensors(`{"a":${nest('[', 1_200_000)}`) },
  'nest-whole.safetensors': {
    bytes: rawSafetensors(`{"a":{"x":${nest('[', 600_000)}${nest(']', 600_000)}}}`),
  },
  'nest-objects.safetensors': { bytes: rawSafetensors(nest('{"a":', 1_200_000)) },
  'nest-metadata.safetensors': { bytes: rawSafetensors(`{"__metadata__":{"a":${nest('[', 1_200_000)}}}`) },
  'zeros.safetensors': {
    bytes: Buffer.concat([u64(99_000_000n), Buffer.from([0])]),
    sparseBytes: 99_000_008,
  },
  'long-shape.safetensors': {
    bytes: rawSafetensors(`{"a":{"dtype":"F32","shape":[${'9,'.repeat(600_000)}9],"data_offsets":[0,4]}}`),
  },
  'long-number.safetensors': {
    bytes: rawSafetensors(`{"a":{"dtype":"F32","shape":[${'9'.repeat(1_200_000)}],"data_offsets":[0,4]}}`),
  },
  'escapes.safetensors': { bytes: rawSafetensors(`{"${'\\u0041'.repeat(200_000)}`) },
  'nest.safetensors.index.json': { bytes: Buffer.from(`{"weight_map":${nest('[', 1_200_000)}`) },
  'nest-objects.index.json': { bytes: Buffer.from(nest('{"weight_map":', 1_200_000)) },
  'nest.gguf': {
    bytes: Buffer.concat([
      ggufHead(0n, 1n),
      ggufText('a'),
      u32(9),
      ...Array.from({ length: 100_000 }, () => Buffer.concat([u32(9), u64(1n)])),
    ]),
  },
  'counts.gguf': { bytes: ggufHead(2n ** 63n, 2n ** 63n), sparseBytes: 1_000_000 },
  'tensors.gguf': { bytes: ggufHead(1_000_000_000n, 0n), sparseBytes: 40_000_000_000 },
  'strings.gguf': {
    bytes: Buffer.concat([ggufHead(0n, 1n), ggufText('a'), u32(9), u32(8), u64(1_000_000_000n)]),
    sparseBytes: 9_000_000_000,
  },
  'string.gguf': {
    bytes: Buffer.concat([ggufHead(0n, 1n), ggufText('a'), u32(8), u64(8_000_000_000n)]),
    sparseBytes: 9_000_000_000,
    opens: true,
  },
  'nest.pt': { bytes: opcodes('('.repeat(400_000)) },
  'nest-lists.pt': { bytes: opcodes(']'.repeat(400_000)) },
  // Each tuple holds the one before twice: 2^1000 leaves when walked without care.
  'tuples.pt': { bytes: opcodes(`)${'2\x86'.repeat(1_000)}.`), opens: true },
  'long.pt': { bytes: Buffer.concat([Buffer.from([0x80, 2, 0x8b]), u32(0x7fffffff), u32(1), u32(1)]) },
  'bomb.pt': bomb(),
  'claims.npy': { bytes: rawNpy("{'descr': '<f4', 'fortran_order': False, 'shape': (", undefined, 2) },
  'nest.npy': { bytes: rawNpy(`{'descr': ${nest('[', 60_000)}`, undefined, 2) },
  'nest.onnx': { bytes: Buffer.from(nest('\x3a\x7f', 1_200_000), 'latin1') },
  'varints.onnx': { bytes: Buffer.alloc(1_200_000, 0xff) },
};

/** A pickle of 400 MB that takes 400 KB packed. */
function bomb(): { bytes: Uint8Array } {
  const zip = makeZip([
    {
      name: 'archive/data.pkl',
      data: Buffer.alloc(1 << 20, 0x4e),
      deflated: true,
      claimedBytes: 400_000_000,
    },
  ]);
  expect(deflateRawSync(Buffer.alloc(1 << 20, 0x4e)).length).toBeLessThan(zip.length);
  return { bytes: zip };
}

function expectCheap(cost: OpeningCost): void {
  expect(cost.outcome, cost.path).not.toMatch(/^(threw|compute)/);
  expect(cost.peakBytes, `${cost.path}: bytes over the idle process`).toBeLessThan(mostBytes);
  expect(cost.cpuMs, `${cost.path}: ms of processor time`).toBeLessThan(mostCpuMs);
}

describe('a file made to attack the reader', () => {
  for (const [name, { bytes, sparseBytes, opens }] of Object.entries(hostile)) {
    it(`costs little: ${name}`, () => {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      if (sparseBytes !== undefined) truncateSync(path, sparseBytes);
      const [cost] = costs([path]);
      rmSync(path);
      expectCheap(cost!);
      if (opens === true) expect(cost!.outcome).toBe('opened');
      else expect(cost!.outcome).toMatch(/^(malformed|unsupported|not-a-checkpoint)$/);
    });
  }
});

for (const kind of ['safetensors', 'gguf']) {
  const corner = sharedPath(`corner/${kind}`);
  describe.skipIf(!corner)(`the malformed ${kind} files`, () => {
    it('cost little each, all opened by one process', () => {
      const paths = readdirSync(corner!)
        .filter((name) => name.endsWith(`.${kind}`) && name !== 'many_tensors.safetensors')
        .map((name) => join(corner!, name));
      const measured = costs(paths);
      expect(measured).toHaveLength(paths.length);
      for (const cost of measured) expectCheap(cost);
    });
  });
}
