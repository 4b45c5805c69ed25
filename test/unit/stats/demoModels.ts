import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type PlainTensor, readPlainSafetensors } from '../../fixtures/plainSafetensors';
import { sharedPath } from '../../fixtures/shared';
import { type PlantedLayer, plantOutliers } from './plantOutliers';

const repository = new URL('../../../', import.meta.url);
const truthFolder = new URL('test/fixtures/demo-llama-3m-truth/', repository);

export interface DemoModel {
  readonly model: 'demo-llama-3m' | 'demo-llama-3m-outliers';
  readonly dtype: 'BF16' | 'F32';
  readonly tensors: () => Map<string, PlainTensor>;
}

const f32Folder = sharedPath('models/demo-llama-3m-f32');

/** The demo models at hand: those in BF16 are part of the repository, those in F32 come from beside it. */
export const demoModels: readonly DemoModel[] = [
  demoModel('demo-llama-3m', 'BF16', () => readFolder(inRepository('examples/demo-llama-3m'))),
  demoModel('demo-llama-3m-outliers', 'BF16', () =>
    readFolder(inRepository('examples/demo-llama-3m-outliers')),
  ),
  ...(f32Folder === undefined
    ? []
    : [
        demoModel('demo-llama-3m', 'F32', () => readFolder(f32Folder)),
        demoModel('demo-llama-3m-outliers', 'F32', () =>
          plantOutliers(readFolder(f32Folder), plantedLayers()),
        ),
      ]),
];

/** A JSON file of the truth folder. */
export function readTruth<Truth>(name: string): Truth {
  return JSON.parse(readFileSync(new URL(name, truthFolder), 'utf8')) as Truth;
}

/** What was planted in each layer of the outlier model. */
export function plantedLayers(): readonly PlantedLayer[] {
  return readTruth<{ layers: PlantedLayer[] }>('outliers.json').layers;
}

/** Rounds every value of an F32 tensor to binary16, as the F16 figures of truth.json were made. */
export function f16Bytes({ bytes }: PlainTensor, toF16: (bits: number) => number): Uint8Array {
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const halves = Uint16Array.from({ length: bytes.byteLength / 4 }, (_, i) =>
    toF16(source.getUint32(4 * i, true)),
  );
  return new Uint8Array(halves.buffer);
}

function demoModel(
  model: DemoModel['model'],
  dtype: DemoModel['dtype'],
  read: () => Map<string, PlainTensor>,
): DemoModel {
  let tensors: Map<string, PlainTensor> | undefined;
  return {
    model,
    dtype,
    tensors: () => {
      tensors ??= read();
      return tensors;
    },
  };
}

function readFolder(path: string): Map<string, PlainTensor> {
  return readPlainSafetensors(`${path}/model.safetensors`);
}

function inRepository(path: string): string {
  return fileURLToPath(new URL(path, repository));
}
