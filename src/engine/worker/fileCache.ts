/** Open files of a worker thread: opened once, checked to be the ones meant, closed when idle. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { LoupeError } from '../../errors';
import type { CheckpointFile } from '../../formats/checkpoint';

/** Handles kept at once; a model of a hundred shards must not exhaust them. */
const capacity = 16;
const idleMilliseconds = 5000;

export class FileCache {
  /** In order of last use. A replaced file has another size or time, hence another key. */
  private readonly open = new Map<string, number>();
  private idle: NodeJS.Timeout | undefined;
  /** The file of the last read: rows are read by the thousand. */
  private last: { readonly file: CheckpointFile; readonly handle: number } | undefined;

  /**
   * Fills `target` from an absolute position. Throws `changed` when the file is not the one described or
   * is shorter than that, and `io` or `not-found` from the system.
   */
  read(file: CheckpointFile, byteOffset: number, target: Uint8Array): void {
    const handle = this.handle(file);
    let filled = 0;
    try {
      while (filled < target.length) {
        const got = readSync(handle, target, filled, target.length - filled, byteOffset + filled);
        if (got === 0) throw changed(file, byteOffset + filled);
        filled += got;
      }
    } catch (thrown) {
      throw LoupeError.from(thrown, { file: file.path, byteOffset: byteOffset + filled });
    }
  }

  closeAll(): void {
    for (const handle of this.open.values()) closeSync(handle);
    this.open.clear();
    this.last = undefined;
  }

  private handle(file: CheckpointFile): number {
    this.idle ??= setTimeout(() => {
      this.idle = undefined;
      this.closeAll();
    }, idleMilliseconds).unref();
    this.idle.refresh();
    if (this.last?.file === file) return this.last.handle;
    const key = `${file.bytes} ${file.mtimeMs} ${file.path}`;
    let handle = this.open.get(key);
    if (handle === undefined) {
      handle = this.openChecked(file);
      const oldest = this.open.size >= capacity ? this.open.entries().next().value : undefined;
      if (oldest) {
        closeSync(oldest[1]);
        this.open.delete(oldest[0]);
      }
    } else {
      this.open.delete(key);
    }
    this.open.set(key, handle);
    // A handle that is closed above is the oldest one, so never this.
    this.last = { file, handle };
    return handle;
  }

  private openChecked(file: CheckpointFile): number {
    let handle: number;
    try {
      handle = openSync(file.path, 'r');
    } catch (thrown) {
      throw LoupeError.from(thrown, { file: file.path });
    }
    const stat = fstatSync(handle);
    if (stat.size !== file.bytes || stat.mtimeMs !== file.mtimeMs) {
      closeSync(handle);
      throw changed(file, undefined);
    }
    return handle;
  }
}

function changed(file: CheckpointFile, byteOffset: number | undefined): LoupeError {
  return new LoupeError('changed', 'The file has changed since it was opened.', {
    file: file.path,
    byteOffset,
  });
}
