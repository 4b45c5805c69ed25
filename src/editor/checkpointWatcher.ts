/** Tells when a file of a checkpoint changed, went away or came back. */
import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Catalogue } from '../protocol/engineApi';

/** A file as it was when it was read; without a size, only whether it is there counts. */
export interface WatchedFile {
  readonly path: string;
  readonly bytes?: number | undefined;
  readonly mtimeMs?: number | undefined;
}

/** What differs from the files as they were read; all empty when nothing does. */
export interface FileChanges {
  readonly changed: readonly string[];
  readonly gone: readonly string[];
}

/** A writer touches a file many times within a moment. */
const settleMs = 300;

export class CheckpointWatcher implements vscode.Disposable {
  private readonly disposables: vscode.Disposable[] = [];
  private readonly touched = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private isDisposed = false;

  /**
   * `report` hears of the difference once the files have settled; also of none, after a file came back as it was. Files
   * without a size and a time count as changed when anything happens to them.
   */
  constructor(
    private readonly files: readonly WatchedFile[],
    private readonly report: (changes: FileChanges) => void,
  ) {
    const watched = new Set(files.map((file) => path.normalize(file.path)));
    const folders = new Set(files.map((file) => path.dirname(file.path)));
    for (const folder of folders) {
      const pattern = new vscode.RelativePattern(vscode.Uri.file(folder), '*');
      const watcher = vscode.workspace.createFileSystemWatcher(pattern);
      const onEvent = (uri: vscode.Uri) => {
        const file = path.normalize(uri.fsPath);
        if (!watched.has(file)) return;
        this.touched.add(file);
        clearTimeout(this.timer);
        this.timer = setTimeout(() => void this.compare(), settleMs);
      };
      this.disposables.push(
        watcher,
        watcher.onDidChange(onEvent),
        watcher.onDidCreate(onEvent),
        watcher.onDidDelete(onEvent),
      );
    }
  }

  private async compare(): Promise<void> {
    const changed: string[] = [];
    const gone: string[] = [];
    for (const file of this.files) {
      const now = await stat(file.path).catch(() => undefined);
      const wasThere = file.bytes !== undefined;
      if (!now) {
        if (wasThere || this.touched.has(path.normalize(file.path))) gone.push(file.path);
      } else if (
        wasThere
          ? now.size !== file.bytes || now.mtimeMs !== file.mtimeMs
          : this.touched.has(path.normalize(file.path))
      ) {
        changed.push(file.path);
      }
    }
    if (!this.isDisposed) this.report({ changed, gone });
  }

  dispose(): void {
    this.isDisposed = true;
    clearTimeout(this.timer);
    for (const disposable of this.disposables) disposable.dispose();
  }
}

/** The difference as a notice; empty when there is none. */
export function changeNotice({ changed, gone }: FileChanges): string {
  const names = (paths: readonly string[]) => {
    const [first = '', second] = paths.map((file) => path.basename(file));
    if (paths.length > 2) return `${first} and ${paths.length - 1} other files`;
    return second === undefined ? first : `${first} and ${second}`;
  };
  const sentences = [
    ...(gone.length > 0
      ? [
          `${names(gone)} ${gone.length === 1 ? 'is' : 'are'} no longer on disk; what is shown was read before.`,
        ]
      : []),
    ...(changed.length > 0 ? [`${names(changed)} changed on disk.`] : []),
  ];
  return sentences.join(' ');
}

/** The weights as they were read, and the small files that are shown with them. */
export function watchedFiles(catalogue: Catalogue): readonly WatchedFile[] {
  const known = new Set(catalogue.files.map((file) => file.path));
  // A shard that was missing or broken when the model was opened may come, or be fetched anew.
  const awaited = catalogue.findings.flatMap(({ code, file }) =>
    file !== undefined && (code === 'missing-shard' || code === 'unreadable-shard') ? [file] : [],
  );
  const config = catalogue.config ? [path.join(catalogue.folder, 'config.json')] : [];
  const beside = new Set([catalogue.path, ...config, ...awaited]);
  return [
    ...catalogue.files,
    ...[...beside].filter((file) => !known.has(file)).map((file) => ({ path: file })),
  ];
}
