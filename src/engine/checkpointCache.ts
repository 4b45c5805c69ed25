/** Opened checkpoints, kept until their files change. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { LoupeError } from '../errors';
import type { Checkpoint, CheckpointFile, TensorInfo } from '../formats/checkpoint';
import { openCheckpoint } from '../formats/open';
import { generationOf } from './catalogue';
import { type TensorSource, tensorSource } from './tensorSource';

const capacity = 8;

export class OpenedCheckpoint {
  readonly generation: string;
  private byName: Map<string, number> | undefined;
  /** Results of jobs on this generation of the files, by a key of the job's choosing; the oldest go first. */
  private readonly kept = new Map<string, Promise<unknown>>();

  constructor(readonly checkpoint: Checkpoint) {
    this.generation = generationOf(checkpoint.files);
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
  async get(path: string, generation?: string | undefined): Promise<OpenedCheckpoint> {
    const key = resolve(path);
    const opening = this.opened.get(key);
    let opened: OpenedCheckpoint | undefined;
    if (opening) {
      opened = await opening;
      if (!(await isCurrent(opened.checkpoint.files))) {
        // Another request may have opened it anew already.
        if (this.opened.get(key) === opening) this.opened.delete(key);
        opened = undefined;
      }
    }
    opened ??= await this.open(key);
    if (generation !== undefined && generation !== opened.generation) {
      throw new LoupeError('changed', 'The file has changed since it was opened.', {
        file: opened.checkpoint.path,
      });
    }
    return opened;
  }

  private open(key: string): Promise<OpenedCheckpoint> {
    let opening = this.opened.get(key);
    if (!opening) {
      opening = openCheckpoint(key).then((checkpoint) => new OpenedCheckpoint(checkpoint));
      opening.catch(() => this.opened.delete(key));
    }
    this.opened.delete(key);
    this.opened.set(key, opening);
    const oldest = this.opened.size > capacity ? this.opened.keys().next().value : undefined;
    if (oldest !== undefined) this.opened.delete(oldest);
    return opening;
  }
}

async function isCurrent(files: readonly CheckpointFile[]): Promise<boolean> {
  for (const file of files) {
    try {
      const { size, mtimeMs } = await stat(file.path);
      if (size !== file.bytes || mtimeMs !== file.mtimeMs) return false;
    } catch {
      return false;
    }
  }
  return true;
}
