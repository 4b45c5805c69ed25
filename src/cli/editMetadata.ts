/** edit-metadata: sets and removes keys of a GGUF file. */
import * as path from 'node:path';
import type { EngineClient } from '../engine/client';
import { binarySize } from '../numeric/sizeText';
import type { EditOptions } from './editOptions';
import { TerminalProgress } from './terminalProgress';
import type { Print } from './view';

/** Runs the command and prints what was done; resolves to the exit code. */
export async function editMetadata(
  engine: EngineClient,
  file: string,
  options: {
    readonly edit: EditOptions;
    readonly out: string | undefined;
    readonly overwrite: boolean;
    readonly dryRun: boolean;
  },
  signal: AbortSignal,
  out: Print,
): Promise<number> {
  const progress = new TerminalProgress('Writing');
  try {
    const report = await engine.call(
      'editMetadata',
      {
        path: file,
        edits: options.edit.edits,
        out: options.out === undefined ? undefined : path.resolve(options.out),
        overwrite: options.overwrite,
        dryRun: options.dryRun,
      },
      {
        signal,
        progress: ({ bytesDone, bytesTotal }) =>
          progress.update(
            bytesDone / Math.max(1, bytesTotal),
            `${binarySize(bytesDone)} of ${binarySize(bytesTotal)}, written and read back`,
          ),
      },
    );
    progress.end();
    const how = report.inPlace
      ? 'in place: the data do not move'
      : `the file ${options.dryRun ? 'is' : 'was'} written anew (${binarySize(report.bytes)}) and renamed`;
    const { dataSha256 } = report;
    out(
      report,
      [
        ...report.changes,
        options.dryRun ? `Dry run: nothing was written. It would be done ${how}.` : `Done ${how}.`,
        ...(dataSha256 === undefined ? [] : [`SHA-256 of the data, before and after: ${dataSha256}`]),
        `  ${report.output}`,
      ].join('\n'),
    );
    return 0;
  } finally {
    progress.end();
  }
}
