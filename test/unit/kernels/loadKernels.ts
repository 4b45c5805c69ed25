import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Kernels } from '../../../src/kernels/kernels';

const repository = new URL('../../../', import.meta.url);

/** Builds dist/kernels.wasm when it is not current and instantiates it. */
export function loadKernels(): Kernels {
  execFileSync(process.execPath, [fileURLToPath(new URL('scripts/kernels.mjs', repository))]);
  return Kernels.instantiate(readFileSync(new URL('dist/kernels.wasm', repository)));
}

/** Copies an array's bytes into the kernels' memory, `offset` bytes past an aligned address. */
export function place(kernels: Kernels, values: ArrayBufferView, offset = 0): number {
  const pointer = kernels.alloc(values.byteLength + offset + 16) + offset;
  kernels
    .u8(pointer, values.byteLength)
    .set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return pointer;
}

/** Fails unless two typed arrays hold the same bytes; far faster than a deep comparison. */
export function expectSameBytes(got: ArrayBufferView, want: ArrayBufferView): void {
  const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const [a, b] = [bytes(got), bytes(want)];
  if (a.equals(b)) return;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  throw new Error(`${a.length} and ${b.length} bytes differ, first at byte ${at}`);
}
