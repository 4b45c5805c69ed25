/** Importance matrices: what llama-imatrix found out about the inputs of a model's weights. */
import type { Checkpoint } from '../formats/checkpoint';
import type { ImportanceStatistics } from '../formats/gguf/importanceTypes';

export type {
  ImportanceStatistics,
  LayerImportance,
  WeightImportance,
} from '../formats/gguf/importanceTypes';

export type ImportanceContract = {
  /** The statistics of an importance matrix of either form. Throws `refused` for a checkpoint that is none. */
  importance: {
    params: { path: string; generation?: string | undefined };
    result: ImportanceStatistics;
  };
};

/** Whether an opened file is an importance matrix and no model. */
export function isImportanceMatrix({ format, metadata }: Pick<Checkpoint, 'format' | 'metadata'>): boolean {
  if (format === 'imatrix') return true;
  return (
    format === 'gguf' && metadata.some(({ key, value }) => key === 'general.type' && value === 'imatrix')
  );
}
