/** Reads the statistics of the tensor that is selected now; what is no longer selected is cancelled. */

import type { TensorStats } from '../../../src/protocol/engineApi';
import { LoupeError } from '../../../src/protocol/rpc';
import { adviceFor } from '../../state/advice';
import type { CheckpointSession } from '../../state/session';
import { shapeOf } from '../../state/tableModel';
import type { PageContext } from '../pageContext';
import type { DetailsState } from './detailsView';

/** Selecting by arrow keys passes over many tensors; only the one that stays is read. */
const readDelayMs = 70;

export class SelectedTensor {
  /** Index of the selected tensor. */
  index: number | undefined;
  details: DetailsState = { kind: 'reading' };
  private abort: AbortController | undefined;
  private timer = 0;

  constructor(
    private readonly session: CheckpointSession,
    private readonly page: PageContext,
  ) {}

  dispose(): void {
    window.clearTimeout(this.timer);
    this.abort?.abort();
  }

  /** Selects a tensor and reads it, also when it was selected before. */
  read(tensor: number): void {
    this.dispose();
    this.index = tensor;
    const reason = this.session.unreadable(tensor);
    const known = this.session.knownDetails(tensor);
    if (reason !== undefined) this.details = { kind: 'impossible', reason };
    else if (known) this.details = { kind: 'ready', stats: known };
    else {
      this.details = { kind: 'reading' };
      this.timer = window.setTimeout(() => this.readNow(tensor), readDelayMs);
    }
    this.page.requestRender();
  }

  private async readNow(tensor: number): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    try {
      const stats = await this.session.readDetails(tensor, abort.signal);
      if (this.index !== tensor) return;
      if (stats) this.tell(tensor, stats);
      this.details = stats
        ? { kind: 'ready', stats }
        : {
            kind: 'impossible',
            reason: this.session.unreadable(tensor) ?? 'its values cannot be read.',
          };
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (this.index !== tensor || error.code === 'cancelled') return;
      this.details = { kind: 'impossible', reason: error.message };
    }
    this.page.requestRender();
  }

  private tell(tensor: number, stats: TensorStats): void {
    const { tensors } = this.session.catalogue;
    const dtype = tensors.dtypes[tensors.dtype[tensor]!]!;
    const advice = adviceFor(stats, { name: stats.name, dtype, shape: [...shapeOf(tensors, tensor)] });
    this.page.announce(`${stats.name}: ${advice?.text ?? 'statistics are ready.'}`);
  }
}
