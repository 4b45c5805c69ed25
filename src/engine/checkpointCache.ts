/** Opened checkpoints, kept until their files change. */
import { join, resolve } from 'node:path';
import { fileStamp, stampText } from '../bytes/fileStamp';
import { LoupeError } from '../errors';
import type { Checkpoint, TensorInfo } from '../formats/checkpoint';
import { openCheckpoint } from '../formats/open';
import type { OpenProgress } from '../formats/openProgress';
import { sidecarNames } from '../formats/sidecars';
import { requireLocalPath } from '../hub/hubLocation';
import { generationOf } from './catalogue';
import { headerCapBytes } from './headerCap';
import { type TensorSource, tensorSource } from './tensorSource';

const capacity = 8;

type OnProgress = ((progress: OpenProgress) => void) | undefined;

export class OpenedCheckpoint {
  readonly generation: string;
  private byName: Map<string, number> | undefined;
  /** Results of jobs on this generation of the files, by a key of the job's choosing; the oldest go first. */
  private readonly kept = new Map<string, Promise<unknown>>();

  private constructor(
    readonly checkpoint: Checkpoint,
    /** Files that shaped the checkpoint beside its weights: config.json and its like, the index, shards that are missing. */
    private readonly sidecars: readonly { readonly path: string; readonly stamp: string }[],
  ) {
    this.generation = generationOf(checkpoint.files);
  }

  static async open(path: string, onProgress?: OnProgress): Promise<OpenedCheckpoint> {
    const checkpoint = await openCheckpoint(path, { headerCapBytes: headerCapBytes(), onProgress });
    const paths = sidecarNames.map((name) => join(checkpoint.folder, name));
    if (checkpoint.path.endsWith('.json')) paths.push(checkpoint.path);
    // Files that findings name, such as a missing shard: with them the model would be another.
    const read = new Set(checkpoint.files.map((file) => file.path));
    for (const { file } of checkpoint.findings) if (file !== undefined && !read.has(file)) paths.push(file);
    const sidecars = await Promise.all(
      [...new Set(paths)].map(async (sidecar) => ({ path: sidecar, stamp: await fileStamp(sidecar) })),
    );
    return new OpenedCheckpoint(checkpoint, sidecars);
  }

  /** Whether all files are still the ones that were read. */
  async isCurrent(): Promise<boolean> {
    for (const { path, stamp } of this.stamps()) {
      if ((await fileStamp(path)) !== stamp) return false;
    }
    return true;
  }

  /** What it depends on: its own files, those beside it, and such as are missing. */
  stamps(): { readonly path: string; readonly stamp: string }[] {
    const files = this.checkpoint.files.map((file) => ({ path: file.path, stamp: stampText(file) }));
    return [...files, ...this.sidecars];
  }

  /** The tensor at an index of the catalogue; throws `usage`. */
  tensor(index: number): TensorInfo {
    const tensor = this.checkpoint.tensors[index];
    if (!tensor)
      throw new LoupeError('usage', `There is no tensor ${index}.`, { file: this.checkpoint.path });
    return tensor;
  }

  /** Where a tensor's values are; throws `unsupported` with the reason when they cannot be read. */
  source(index: number): TensorSource {
    const tensor = this.tensor(index);
    const source = tensorSource(this.checkpoint, tensor);
    if (typeof source !== 'string') return source;
    throw new LoupeError('unsupported', source, {
      file: this.checkpoint.files[tensor.file]?.path,
      tensor: tensor.name,
    });
  }

  indexOf(name: string): number | undefined {
    this.byName ??= new Map(this.checkpoint.tensors.map((tensor, i) => [tensor.name, i]));
    return this.byName.get(name);
  }

  /** Keeps a few small results, so that zooming does not compute them again; failures are not kept. */
  remember<T>(key: string, compute: () => Promise<T>): Promise<T> {
    const known = this.kept.get(key) as Promise<T> | undefined;
    if (known) return known;
    const computed = compute();
    this.kept.set(key, computed);
    computed.catch(() => this.kept.delete(key));
    const oldest = this.kept.size > 16 ? this.kept.keys().next().value : undefined;
    if (oldest !== undefined) this.kept.delete(oldest);
    return computed;
  }
}

export class CheckpointCache {
  private readonly opened = new Map<string, Promise<OpenedCheckpoint>>();

  /**
   * The checkpoint at a path, opened anew when one of its files has another size or time. With a
   * `generation` that is not the current one it throws `changed`: what the caller knows is stale.
   */
  async get(
    path: string,
    generation?: string | undefined,
    onProgress?: OnProgress,
  ): Promise<OpenedCheckpoint> {
    requireLocalPath(path);
    const key = resolve(path);
    const opening = this.opened.get(key);
    let opened: OpenedCheckpoint | undefined;
    if (opening) {
      opened = await opening;
      if (!(await opened.isCurrent())) {
        // Another request may have opened it anew already.
        if (this.opened.get(key) === opening) this.opened.delete(key);
        opened = undefined;
      }
    }
    opened ??= await this.open(key, onProgress);
    if (generation !== undefined && generation !== opened.generation) {
      throw new LoupeError('changed', 'The file has changed since it was opened.', {
        file: opened.checkpoint.path,
      });
    }
    return opened;
  }

  /** The same for one look, which moves no other checkpoint out. */
  async once(path: string): Promise<OpenedCheckpoint> {
    requireLocalPath(path);
    return this.opened.has(resolve(path)) ? this.get(path) : OpenedCheckpoint.open(resolve(path));
  }

  private open(key: string, onProgress: OnProgress): Promise<OpenedCheckpoint> {
    let opening = this.opened.get(key);
    if (!opening) {
      opening = OpenedCheckpoint.open(key, onProgress);
      opening.catch(() => this.opened.delete(key));
    }
    this.opened.delete(key);
    this.opened.set(key, opening);
    const oldest = this.opened.size > capacity ? this.opened.keys().next().value : undefined;
    if (oldest !== undefined) this.opened.delete(oldest);
    return opening;
  }
}
