/** ONNX external data (onnx docs/ExternalData.md): tensors' bytes in files beside the model. */
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { type FileStore, localFiles } from '../../bytes/fileStore';
import { LoupeError } from '../../errors';
import type { CheckpointFile, Finding } from '../checkpoint';
import { quoteName } from '../fileContents';

/** No exporter writes more files than a few thousand. */
const mostFiles = 10_000;

export type ExternalRun =
  | { readonly file: CheckpointFile; readonly fileIndex: number; readonly byteOffset: number }
  | { readonly reason: string; readonly finding?: Omit<Finding, 'tensor' | 'file' | 'byteOffset'> };

/** Finds the data files of one model; each is asked for its size once and never opened. */
export class ExternalFiles {
  readonly files: CheckpointFile[] = [];
  private readonly known = new Map<string, number | 'missing' | 'escapes'>();

  constructor(
    private readonly modelPath: string,
    private readonly store: FileStore = localFiles,
  ) {}

  /** Where `bytes` of a tensor lie, or why they cannot be read. */
  async locate(pairs: ReadonlyMap<string, string>, bytes: number): Promise<ExternalRun> {
    const location = pairs.get('location') ?? '';
    const refuse = (code: string, reason: string): ExternalRun => ({
      reason,
      finding: { severity: 'error', code, message: reason },
    });
    const place = await this.find(location);
    if (place === 'escapes')
      return refuse(
        'external-data-escapes',
        `Its data is said to be in ${quoteName(location)}, which is no plain path inside the model's folder; that file is not opened.`,
      );
    if (place === 'missing')
      return refuse(
        'missing-external-data',
        `Its data is in the file ${quoteName(location)}, which is missing.`,
      );
    const file = this.files[place]!;
    const byteOffset = count(pairs.get('offset'), 0);
    const length = count(pairs.get('length'), bytes);
    if (byteOffset === undefined || length === undefined)
      return refuse('external-data-range', 'The offset or length of its external data is no count.');
    if (length !== bytes)
      return refuse('size-mismatch', `Its external data has ${length} bytes, but ${bytes} are needed.`);
    if (byteOffset + bytes > file.bytes)
      return refuse(
        'truncated-data',
        `The file ${quoteName(location)} ends before this tensor does: it has ${file.bytes} bytes, ${byteOffset + bytes} are needed.`,
      );
    return { file, fileIndex: place + 1, byteOffset };
  }

  private async find(location: string): Promise<number | 'missing' | 'escapes'> {
    const known = this.known.get(location);
    if (known !== undefined) return known;
    if (this.known.size >= mostFiles)
      throw new LoupeError('unsupported', `The model names more than ${mostFiles} data files.`, {
        file: this.modelPath,
        byteOffset: 0,
      });
    const place = await this.look(location);
    this.known.set(location, place);
    return place;
  }

  private async look(location: string): Promise<number | 'missing' | 'escapes'> {
    const folder = dirname(this.modelPath);
    if (!staysInside(folder, location)) return 'escapes';
    const path = join(folder, location);
    try {
      const { bytes, mtimeMs, isFile } = await this.store.stat(path);
      if (!isFile) return 'missing';
      return this.files.push({ path, bytes, mtimeMs }) - 1;
    } catch {
      return 'missing';
    }
  }
}

/** A plain relative path on every system; links that a model cache puts there are followed, as for shards. */
function staysInside(folder: string, location: string): boolean {
  if (location === '' || /[\0\\:]/.test(location) || isAbsolute(location)) return false;
  if (location.split('/').includes('..')) return false;
  const absolute = resolve(folder, location);
  return absolute !== folder && absolute.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function count(text: string | undefined, otherwise: number): number | undefined {
  if (text === undefined) return otherwise;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
