import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type PlainTensor, readPlainSafetensors } from '../../fixtures/plainSafetensors';
import { sharedPath } from '../../fixtures/shared';

const repository = new URL('../../../', import.meta.url);
const truthFolder = new URL('test/fixtures/demo-llama-3m-truth/', repository);

/** The demo models at hand: the BF16 ones are part of the repository, the F32 one lies beside it. */
export const demoModels: readonly {
  readonly model: string;
  readonly dtype: string;
  readonly path: string;
}[] = [
  { model: 'demo-llama-3m', dtype: 'BF16', path: inRepository('examples/demo-llama-3m') },
  { model: 'demo-llama-3m-outliers', dtype: 'BF16', path: inRepository('examples/demo-llama-3m-outliers') },
  { model: 'demo-llama-3m', dtype: 'F32', path: sharedPath('models/demo-llama-3m-f32') },
].filter((entry): entry is typeof entry & { path: string } => entry.path !== undefined);

/** A JSON file of the truth folder. */
export function readTruth<Truth>(name: string): Truth {
  return JSON.parse(readFileSync(new URL(name, truthFolder), 'utf8')) as Truth;
}

/** The tensors of a demo model's folder. */
export function demoTensors(path: string): Map<string, PlainTensor> {
  return readPlainSafetensors(`${path}/model.safetensors`);
}

/** Rounds every tensor of the F32 model to binary16, as the F16 figures of truth.json were made. */
export function f16Bytes({ bytes }: PlainTensor, toF16: (bits: number) => number): Uint8Array {
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const halves = Uint16Array.from({ length: bytes.byteLength / 4 }, (_, i) =>
    toF16(source.getUint32(4 * i, true)),
  );
  return new Uint8Array(halves.buffer);
}

function inRepository(path: string): string {
  return fileURLToPath(new URL(path, repository));
}
