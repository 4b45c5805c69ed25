/** The importance matrix of a request, matched to the tensors of the model by their names. */
import * as path from 'node:path';
import { LoupeError } from '../../../errors';
import type { TensorInfo } from '../../../formats/checkpoint';
import { readImportanceMatrix } from '../../../formats/gguf/importanceMatrix';
import type { GgufOptions } from '../../../quant/gguf/options';
import { categoryOf } from '../../../quant/gguf/tensorCategory';

export interface TensorImportance {
  readonly fileName: string;
  readonly names: readonly string[];
  readonly datasets: readonly string[];
  readonly chunks: number;
  /**
   * One number for each column, for each expert; undefined where the matrix has none. Throws `refused`, naming the
   * tensor, when it has another number of columns: it is that of another model.
   */
  of(tensor: TensorInfo): Float32Array | undefined;
}

/** Reads the matrix that the options name; undefined where they name none. */
export async function ggufImportance(
  options: GgufOptions | undefined,
): Promise<TensorImportance | undefined> {
  const file = options?.imatrix;
  if (file === undefined) return undefined;
  const { entries, datasets, chunks } = await readImportanceMatrix(file);
  return {
    fileName: path.basename(file),
    names: [...entries.keys()],
    datasets,
    chunks,
    of: ({ name, shape }) => {
      const found = entries.get(name);
      const wanted = (shape.at(-1) ?? 1) * (shape.at(-3) ?? 1);
      if (!found || found.length === wanted) return found;
      // Token tables are looked up, not multiplied: what a matrix says of them has another meaning.
      if (categoryOf(name) === 'tokenEmbedding') return undefined;
      throw new LoupeError(
        'refused',
        `The importance matrix has ${found.length} numbers for ${name}, which has ${wanted} columns: it belongs to another model.`,
        { file, tensor: name },
      );
    },
  };
}
