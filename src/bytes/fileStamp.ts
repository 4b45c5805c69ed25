/** Tells whether a file is still the one that was read. */
import { stat } from 'node:fs/promises';

/** Size and time of a file; "absent" for one that is not there or cannot be asked about. */
export async function fileStamp(path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path);
    return stampText({ bytes: size, mtimeMs });
  } catch {
    return 'absent';
  }
}

/** The same of a file whose size and time are known. */
export const stampText = ({ bytes, mtimeMs }: { readonly bytes: number; readonly mtimeMs: number }): string =>
  `${bytes} ${mtimeMs}`;
