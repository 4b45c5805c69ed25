/** The statistics of an importance matrix. */
import { readImportanceMatrix } from '../../formats/gguf/importanceMatrix';
import { importanceStatistics } from '../../formats/gguf/importanceStatistics';
import type { ImportanceStatistics } from '../../formats/gguf/importanceTypes';
import type { OpenedCheckpoint } from '../checkpointCache';

/** Reads the whole file, whose size `readImportanceMatrix` bounds, and throws as that does. */
export function importanceJob(opened: OpenedCheckpoint): Promise<ImportanceStatistics> {
  const { path } = opened.checkpoint.files[0]!;
  return opened.remember('importance', async () => importanceStatistics(await readImportanceMatrix(path)));
}
