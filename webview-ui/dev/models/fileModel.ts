/** A checkpoint read from the bytes of a safetensors file. */
import type { Finding } from '../../../src/protocol/engineApi';
import { catalogueOf, type HarnessModel, type TensorSketch, toColumns } from './harnessModel';

/** A BF16 or F32 safetensors file with its config. */
export function fileModel(name: string, file: ArrayBuffer, config: Record<string, unknown>): HarnessModel {
  const headerBytes = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, headerBytes))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors: TensorSketch[] = Object.entries(header)
    .filter(([key]) => key !== '__metadata__')
    .map(
      ([
        key,
        {
          dtype,
          shape,
          data_offsets: [start, end],
        },
      ]) => ({
        name: key,
        dtype,
        shape,
        bytes: end - start,
        byteOffset: 8 + headerBytes + start,
      }),
    );
  const findings: Finding[] = [
    {
      severity: 'warning',
      code: 'unused-config-key',
      message: 'config.json names a torch_dtype that two tensors do not have.',
      file: `/models/${name}/config.json`,
    },
    {
      severity: 'warning',
      code: 'alignment',
      message: 'The data of this tensor does not start at a multiple of 8 bytes.',
      file: `/models/${name}/model.safetensors`,
      tensor: 'model.layers.1.mlp.down_proj.weight',
      byteOffset: 1_204_736,
    },
    { severity: 'info', code: 'padding', message: 'The header is padded with 6 spaces.' },
  ];
  const catalogue = catalogueOf(name, toColumns(tensors), {
    config,
    findings,
    architecture: {
      name: 'LlamaForCausalLM',
      layers: 4,
      hiddenSize: 256,
      heads: 8,
      kvHeads: 4,
      vocabulary: 288,
    },
    files: [{ path: `/models/${name}/model.safetensors`, bytes: file.byteLength, mtimeMs: 0 }],
  });
  return {
    catalogue,
    values: (tensor) => {
      const { byteOffset, bytes, dtype } = tensors[tensor]!;
      if (dtype === 'F32') return new Float32Array(file.slice(byteOffset, byteOffset + bytes));
      const halves = new Uint16Array(file.slice(byteOffset, byteOffset + bytes));
      return new Float32Array(Uint32Array.from(halves, (half) => half * 65_536).buffer);
    },
  };
}
