/** A comparison of schemes that runs: what it asks for, how far it is, and how it ended. */
import { LoupeError, type Rpc } from '../../src/protocol/rpc';
import type { SchemeOffer } from '../../src/protocol/sensitivityPageApi';
import type { CheckpointHostContract, CheckpointPageContract } from '../../src/protocol/webviewApi';
import type { SensitivityCells } from './sensitivityCells';

/** Values of a tensor that a sample looks at, roughly. */
export const sampledValues = 65_536;

export interface RunProgress {
  readonly isExact: boolean;
  /** Tensors. */
  readonly done: number;
  readonly total: number;
  /** Of the tensors that are done and of all, as they are stored. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly startedAtMs: number;
  readonly isCancelling: boolean;
}

export type RunEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'cancelled'; readonly done: number; readonly total: number }
  | { readonly kind: 'failed'; readonly error: LoupeError };

export class SensitivityRun {
  /** Undefined when nothing runs. */
  progress: RunProgress | undefined;
  /** How the last one ended. */
  end: RunEnd | undefined;
  private abort: AbortController | undefined;
  private ended: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly rpc: Pick<Rpc<CheckpointPageContract, CheckpointHostContract>, 'call'>,
    private readonly cells: SensitivityCells,
    private readonly bytes: ArrayLike<number>,
    private readonly onChange: () => void,
  ) {}

  /** Compares; cells arrive in `cells`. One at a time: while one runs, this does nothing. */
  start(
    tensors: readonly number[],
    offers: readonly SchemeOffer[],
    isExact: boolean,
    imatrix?: string | undefined,
  ): Promise<RunEnd> {
    if (this.progress || tensors.length === 0 || offers.length === 0)
      return Promise.resolve({ kind: 'done' });
    const run = this.compare(tensors, offers, isExact, imatrix);
    this.ended = run;
    return run;
  }

  /** Cancels what runs, and waits until no more cells of it come. */
  async stop(): Promise<void> {
    this.cancel();
    await this.ended;
  }

  private async compare(
    tensors: readonly number[],
    offers: readonly SchemeOffer[],
    isExact: boolean,
    imatrix: string | undefined,
  ): Promise<RunEnd> {
    const abort = new AbortController();
    this.abort = abort;
    this.end = undefined;
    const bytesTotal = tensors.reduce((sum, tensor) => sum + this.bytes[tensor]!, 0);
    this.progress = {
      isExact,
      done: 0,
      total: tensors.length,
      bytesDone: 0,
      bytesTotal,
      startedAtMs: performance.now(),
      isCancelling: false,
    };
    this.onChange();
    const keys = offers.map(({ key }) => key);
    const seen = new Set<number>();
    let end: RunEnd = { kind: 'done' };
    try {
      await this.rpc.call(
        'sensitivity',
        {
          tensors,
          choices: offers.map(({ choice }) => choice),
          sampleValues: isExact ? undefined : sampledValues,
          imatrix,
        },
        {
          signal: abort.signal,
          progress: ({ done, cells }) => {
            this.cells.take(keys, cells);
            let { bytesDone } = this.progress!;
            for (const { tensor } of cells) {
              if (seen.has(tensor)) continue;
              seen.add(tensor);
              bytesDone += this.bytes[tensor] ?? 0;
            }
            this.progress = { ...this.progress!, done, bytesDone };
            this.onChange();
          },
        },
      );
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      const { done } = this.progress!;
      end =
        error.code === 'cancelled'
          ? { kind: 'cancelled', done, total: tensors.length }
          : { kind: 'failed', error };
    }
    this.progress = undefined;
    this.end = end;
    this.abort = undefined;
    this.onChange();
    return end;
  }

  cancel(): void {
    if (!this.progress) return;
    this.progress = { ...this.progress, isCancelling: true };
    this.abort?.abort();
    this.onChange();
  }
}
