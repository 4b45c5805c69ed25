/** Removes the statistics that are kept on disk, and tells what that freed. */
import * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { binarySize } from '../numeric/sizeText';

export async function clearStatsCache(
  engine: EngineClient,
  folder: string,
): Promise<{ files: number; bytes: number }> {
  const freed = await engine.call('clearStatsCache', { folder }, { again: true });
  const { files, bytes } = freed;
  void vscode.window.showInformationMessage(
    files === 0
      ? 'The statistics cache is empty.'
      : `The statistics cache is cleared: ${binarySize(bytes)} in ${files === 1 ? 'one file' : `${files.toLocaleString()} files`}.`,
  );
  return freed;
}
