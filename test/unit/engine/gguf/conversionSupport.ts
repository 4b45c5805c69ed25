/** Small Hugging Face models, made up and converted by the real engine. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { EngineClient } from '../../../../src/engine/client';
import type { QuantizeReport, QuantizeRequest } from '../../../../src/protocol/engineApi';
import { f32Data, makeSafetensors } from '../../../fixtures/makeCheckpoint';

export const root = path.resolve(import.meta.dirname, '../../../..');

/** An engine and a folder for one test file. */
export class Conversions {
  work = '';
  engine!: EngineClient;

  constructor() {
    beforeAll(() => {
      this.work = mkdtempSync(path.join(tmpdir(), 'loupe-convert-'));
      this.engine = new EngineClient({ enginePath: path.join(root, 'dist/engine.js') });
    });
    afterAll(() => {
      this.engine.dispose();
      rmSync(this.work, { recursive: true, force: true });
    });
  }

  convert(model: string, fileType: string, more: Partial<QuantizeRequest> = {}): Promise<QuantizeReport> {
    return this.engine.call('quantize', {
      path: model,
      scheme: 'f16',
      granularity: 'none',
      gguf: { fileType },
      backend: 'cpu',
      overwrite: true,
      pure: false,
      dryRun: false,
      ...more,
    });
  }

  /** Bytes of each tensor of a GGUF file, by name. */
  async tensorBytes(file: string): Promise<Map<string, Buffer>> {
    const { tensors } = await this.engine.call('open', { path: file });
    const bytes = readFileSync(file);
    return new Map(
      tensors.names.map((name, i) => [
        name,
        bytes.subarray(tensors.byteOffset[i]!, tensors.byteOffset[i]! + tensors.bytes[i]!),
      ]),
    );
  }

  /** A folder with the given weights and a tokenizer of five tokens. */
  modelOf(
    name: string,
    config: Record<string, unknown>,
    tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>,
  ): string {
    const folder = path.join(this.work, name);
    cpSync(
      path.join(root, 'examples/demo-llama-3m-outliers/tokenizer_config.json'),
      path.join(folder, 'tokenizer_config.json'),
    );
    const vocab = { a: 0, b: 1, c: 2, d: 3, e: 4 };
    const tokenizer = { pre_tokenizer: { type: 'ByteLevel' }, model: { type: 'BPE', vocab, merges: [] } };
    writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
    writeFileSync(
      path.join(folder, 'model.safetensors'),
      makeSafetensors(
        [...tensors].map(([tensor, { shape, values }]) => ({
          name: tensor,
          dtype: 'F32',
          shape: [...shape],
          data: f32Data([...values]),
        })),
      ),
    );
    return folder;
  }

  /** As `modelOf`, of counted values. */
  makeModel(
    name: string,
    config: Record<string, unknown>,
    tensors: Readonly<Record<string, readonly number[]>>,
  ): { folder: string; values: Map<string, Float32Array> } {
    const values = new Map(
      Object.entries(tensors).map(([tensor, shape], no) => {
        const count = shape.reduce((product, size) => product * size, 1);
        return [tensor, Float32Array.from({ length: count }, (_, i) => 100 * no + i / 8)];
      }),
    );
    const stored = new Map(
      Object.entries(tensors).map(([tensor, shape]) => [tensor, { shape, values: values.get(tensor)! }]),
    );
    return { folder: this.modelOf(name, config, stored), values };
  }
}

export const floats = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
