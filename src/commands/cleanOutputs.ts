/** At the start of a window: removes what earlier ones left unfinished when they were killed. */
import { readdir } from 'node:fs/promises';
import type * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';

/** Starts the compute process only where the journal names an output that is unfinished, or being written by another window. */
export async function cleanOutputs(
  engine: EngineClient,
  journalFolder: string,
  log: vscode.LogOutputChannel,
): Promise<void> {
  const entries = await readdir(journalFolder).catch(() => []);
  if (entries.length === 0) return;
  try {
    const { removed } = await engine.call('cleanOutputs', {}, { again: true });
    for (const path of removed) log.info(`Removed what an interrupted job left: ${path}`);
  } catch (thrown) {
    log.warn(`Unfinished outputs were not looked for: ${LoupeError.from(thrown).message}`);
  }
}
