/** The model that every scheme is tried on. */
import { join } from 'node:path';
import { bf16Data, f32Data, type TensorFixture } from '../../../fixtures/makeCheckpoint';
import { randomValues, temporaryFolder, writeModel } from '../support';

const folder = temporaryFolder();

/** Two weights, a bias and a norm; rows of the first do not fill words of packed zero points. */
export const shapes = [
  { name: 'model.layers.0.mlp.up_proj.weight', shape: [37, 256] },
  { name: 'model.layers.0.mlp.down_proj.weight', shape: [256, 128] },
  { name: 'model.layers.0.mlp.up_proj.bias', shape: [37] },
  { name: 'model.norm.weight', shape: [256] },
] as const;
const valuesOf = (index: number) => {
  const { shape } = shapes[index]!;
  const values = randomValues(
    shape.reduce((a, b) => a * b, 1),
    index + 3,
  );
  // A few outliers, as real weights have.
  for (let i = 5; i < values.length; i += 997) values[i]! *= 9;
  return values;
};
const model = (dtype: 'F32' | 'BF16'): string =>
  writeModel(
    join(folder, `source-${dtype}`, 'model.safetensors'),
    shapes.map(({ name, shape }, i): TensorFixture => {
      const data = dtype === 'F32' ? f32Data(valuesOf(i)) : bf16Data(valuesOf(i));
      return { name, dtype, shape: [...shape], data };
    }),
  );
/** The same model in both types. */
export const schemeSources = { F32: model('F32'), BF16: model('BF16') };
