/** Writes changed metadata into a GGUF file: in place where the data need not move, else beside it and renamed. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { type ByteSource, openFileSource } from '../../bytes/byteSource';
import { LoupeError, throwIfAborted } from '../../errors';
import { type EditedHeader, editHeader } from '../../formats/gguf/headerEdit';
import { readGguf, readGgufLayout } from '../../formats/gguf/reader';
import type { EditMetadataReport, EditMetadataRequest, GgufContract } from '../../protocol/ggufApi';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { JobContext } from '../jobs';
import { OutputFile } from '../outputFile';
import { bytesText, freeBytes } from '../quantize/diskSpace';

/** Bytes read, hashed and written at a time. */
const chunkBytes = 4 * 2 ** 20;

type Context = JobContext<GgufContract['editMetadata']['progress']>;

/**
 * Throws what `editHeader` throws, `unsupported` for files that are no GGUF, `exists` for another target that is there, `io`, and
 * `cancelled`; the file is then as it was.
 */
export async function editMetadataJob(
  { checkpoint }: OpenedCheckpoint,
  request: EditMetadataRequest,
  context: Context,
): Promise<EditMetadataReport> {
  const file = path.resolve(request.path);
  const known = checkpoint.files.find((each) => each.path === file);
  if (checkpoint.format !== 'gguf' || !known)
    throw new LoupeError('unsupported', 'Only the metadata of a GGUF file are edited.', { file });
  if (request.edits.length === 0) throw new LoupeError('usage', 'Nothing is to be changed.', { file });
  const source = await openFileSource(file);
  try {
    const layout = await readGgufLayout(source, context);
    const { tensors } = await readGguf(source, context);
    const edited = editHeader(layout, tensors.length, request.edits);
    const output = path.resolve(request.out ?? file);
    const inPlace = output === file && edited.dataStart === layout.dataStart;
    const bytes = inPlace ? source.size : edited.dataStart + Math.max(0, source.size - layout.dataStart);
    const report = { output, changes: edited.changes, inPlace, bytes };
    if (request.dryRun) return report;
    const status = await fs.lstat(file);
    if (output === file && status.isSymbolicLink())
      throw new LoupeError(
        'refused',
        'This is a link: caches share the file behind it. Write to another file (--out), or edit the file itself.',
        { file },
      );
    const { size, mtimeMs } = status.isSymbolicLink() ? await fs.stat(file) : status;
    if (size !== known.bytes || mtimeMs !== known.mtimeMs)
      throw new LoupeError('changed', 'The file changed since it was opened.', { file });
    if (inPlace) {
      await rewriteHeader(source, edited);
      return report;
    }
    return {
      ...report,
      dataSha256: await rewriteFile(source, layout.dataStart, edited, request, output, context),
    };
  } finally {
    await source.close();
  }
}

/** The header's bytes up to the data. Headers are bounded by what readers allow. */
async function headerOf(source: ByteSource, { parts, dataStart }: EditedHeader): Promise<Uint8Array> {
  const header = new Uint8Array(dataStart);
  let at = 0;
  for (const part of parts) {
    const bytes = 'given' in part ? part.given : await source.read(part.start, part.bytes);
    header.set(bytes, at);
    at += bytes.length;
  }
  return header;
}

/** Writes only the bytes that differ, and puts the old ones back when that fails. */
async function rewriteHeader(source: ByteSource, edited: EditedHeader): Promise<void> {
  const header = await headerOf(source, edited);
  const old = await source.read(0, Math.min(source.size, header.length));
  let first = 0;
  while (first < old.length && old[first] === header[first]) first++;
  let end = old.length;
  while (end > first && old[end - 1] === header[end - 1]) end--;
  if (first === end) return;
  const handle = await fs.open(source.path, 'r+').catch((thrown) => {
    throw LoupeError.from(thrown, { file: source.path });
  });
  try {
    await handle.write(header, first, end - first, first);
    await handle.sync();
  } catch (thrown) {
    await handle.write(old, first, end - first, first).catch(() => {});
    throw LoupeError.from(thrown, { file: source.path, byteOffset: first });
  } finally {
    await handle.close();
  }
}

/** Copies the data behind the new header, reads them back, and renames. Gives their SHA-256. */
async function rewriteFile(
  source: ByteSource,
  dataStart: number,
  edited: EditedHeader,
  { overwrite }: EditMetadataRequest,
  target: string,
  context: Context,
): Promise<string> {
  const dataBytes = Math.max(0, source.size - dataStart);
  const needed = edited.dataStart + dataBytes;
  const free = await freeBytes(target);
  if (free !== undefined && free < needed)
    throw new LoupeError(
      'io',
      `The file is written anew, which needs ${bytesText(needed)}; only ${bytesText(free)} are free on its disk.`,
      { file: target },
    );
  const output = await OutputFile.create(target, overwrite || target === source.path);
  try {
    const header = await headerOf(source, edited);
    // A file without data ends with its header, unpadded where it was so before.
    await output.append(
      dataBytes === 0 && source.size < dataStart ? header.subarray(0, edited.headerBytes) : header,
    );
    const total = 2 * dataBytes;
    const tell = (bytesDone: number) => context.progress({ bytesDone, bytesTotal: total });
    const before = await hashOf(source, dataStart, context.signal, tell, (bytes) => output.append(bytes));
    const written = await openFileSource(output.path);
    try {
      const after = await hashOf(written, edited.dataStart, context.signal, (done) => tell(dataBytes + done));
      if (after !== before)
        throw new LoupeError('io', 'The data that were written are not those that were read.', {
          file: target,
        });
    } finally {
      await written.close();
    }
    throwIfAborted(context.signal);
    // A new file would have the rights of any other.
    await fs.chmod(output.path, (await fs.stat(source.path)).mode & 0o777);
    await output.commit();
    return before;
  } catch (thrown) {
    await output.discard();
    throw thrown;
  }
}

/** SHA-256 of everything from an offset on; `each` hears the bytes. */
async function hashOf(
  source: ByteSource,
  start: number,
  signal: AbortSignal,
  tell: (bytesDone: number) => void,
  each: (bytes: Uint8Array) => Promise<void> = async () => {},
): Promise<string> {
  const hash = createHash('sha256');
  for (let at = start; at < source.size; at += chunkBytes) {
    throwIfAborted(signal);
    const bytes = await source.read(at, Math.min(chunkBytes, source.size - at));
    hash.update(bytes);
    await each(bytes);
    tell(at + bytes.length - start);
  }
  return hash.digest('hex');
}
