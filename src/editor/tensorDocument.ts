/** What one tensor viewer works on: a checkpoint's session of its own, and the tensor that it shows. */
import type * as vscode from 'vscode';
import type { EngineClient } from '../engine/client';
import { LoupeError } from '../errors';
import { findDtype } from '../numeric/dtypes';
import type { Catalogue, EngineContract } from '../protocol/engineApi';
import type { TensorSubject } from '../protocol/tensorViewApi';
import type { TensorView, TensorViewContract } from '../protocol/tensorViews';
import type { CheckpointSession } from './checkpointSession';

type Answer<M extends keyof TensorViewContract> = TensorViewContract[M]['result'];
type Asked<M extends keyof TensorViewContract> = Omit<
  TensorViewContract[M]['params'],
  'path' | 'generation' | 'tensor'
>;

export class TensorDocument {
  private index = -1;

  constructor(
    readonly session: CheckpointSession,
    private readonly engine: EngineClient,
    /** Of the tensor; names outlive a change of the file. */
    readonly name: string,
  ) {}

  get uri(): vscode.Uri {
    return this.session.uri;
  }

  /** Reads the checkpoint, anew if asked, and finds the tensor. Throws a LoupeError where it is not there. */
  async open(isAnew = false): Promise<TensorSubject> {
    const catalogue = await this.session.catalogue(isAnew);
    const { tensors } = catalogue;
    this.index = tensors.names.indexOf(this.name);
    if (this.index < 0)
      throw new LoupeError('not-found', `${catalogue.name} has no tensor of this name any more.`, {
        file: catalogue.path,
        tensor: this.name,
      });
    return subjectOf(catalogue, this.index);
  }

  get tensor(): number {
    return this.index;
  }

  /** Asks the engine about the tensor; once more if its process ends before the answer. */
  async ask<M extends keyof TensorViewContract>(
    method: M,
    params: Asked<M>,
    signal?: AbortSignal,
  ): Promise<Answer<M>> {
    const asked = { ...(await this.place()), ...params } as EngineContract[M]['params'];
    return this.engine.call(method, asked, { signal, again: true }) as Promise<Answer<M>>;
  }

  async tile(
    params: Omit<EngineContract['tile']['params'], 'path' | 'generation' | 'tensor'>,
    signal: AbortSignal,
  ): Promise<EngineContract['tile']['result']> {
    return this.engine.call('tile', { ...(await this.place()), ...params }, { signal, again: true });
  }

  /** Of this tensor or another one of the checkpoint. */
  async distribution(
    params: Omit<EngineContract['distribution']['params'], 'path' | 'generation' | 'tensor'> & {
      tensor?: number | undefined;
    },
    signal: AbortSignal,
  ): Promise<EngineContract['distribution']['result']> {
    const place = await this.place();
    const asked = { ...place, ...params, tensor: params.tensor ?? place.tensor };
    return this.engine.call('distribution', asked, { signal, again: true });
  }

  /** Writes values to a file. Not asked again by itself: it may have been written. */
  async save(
    params: Asked<'saveTensor'>,
    options: {
      readonly signal: AbortSignal;
      readonly progress: (done: TensorViewContract['saveTensor']['progress']) => void;
    },
  ): Promise<Answer<'saveTensor'>> {
    return this.engine.call('saveTensor', { ...(await this.place()), ...params }, options);
  }

  private async place(): Promise<Pick<TensorView, 'path' | 'generation' | 'tensor'>> {
    if (this.index < 0) await this.open();
    const { path, generation } = await this.session.catalogue();
    return { path, generation, tensor: this.index };
  }
}

function subjectOf(catalogue: Catalogue, index: number): TensorSubject {
  const { tensors } = catalogue;
  const start = index === 0 ? 0 : tensors.shapeEnd[index - 1]!;
  const dtype = tensors.dtypes[tensors.dtype[index]!]!;
  const blockElements = findDtype(dtype)?.blockElements ?? 1;
  return {
    name: tensors.names[index]!,
    checkpoint: catalogue.name,
    path: catalogue.files[tensors.file[index]!]?.path ?? catalogue.path,
    dtype,
    shape: [...tensors.shapes.subarray(start, tensors.shapeEnd[index]!)],
    elements: tensors.elements[index]!,
    bytes: tensors.bytes[index]!,
    blockElements: blockElements > 1 ? blockElements : 0,
    unreadable: tensors.unreadable.find((each) => each.index === index)?.reason,
  };
}
