/** Quantizations of one engine, one after the other. What is bound to fail fails when it is asked for, not when its turn comes. */
import { LoupeError } from '../../errors';
import type { QuantizeProgress, QuantizeReport, QuantizeRequest } from '../../protocol/engineApi';
import { JobQueue } from '../jobQueue';
import type { Engine, JobContext } from '../jobs';
import { assertReplaceable } from './outputFolder';
import { quantizeJob, sizesPlan } from './quantizeJob';
import { removeKept } from './unfinishedOutput';

export class QuantizeQueue {
  private readonly queue = new JobQueue();
  /** Of jobs that run or wait. */
  private readonly targets = new Set<string>();

  constructor(private readonly engine: Engine) {}

  /**
   * As `quantizeJob`; progress tells of jobs that are done first. A dry run waits for nothing. A source that changes while its job waits
   * is read as it is then. Rejects with `refused` for a target that another job has.
   */
  async run(request: QuantizeRequest, context: JobContext<QuantizeProgress>): Promise<QuantizeReport> {
    const { engine } = this;
    const work = async () => quantizeJob(engine, await engine.cache.get(request.path), request, context);
    if (request.dryRun) return work();
    const target = await this.checkedTarget(request, context.signal);
    this.targets.add(target);
    try {
      const tell = (waitingFor: number) => context.progress({ ...nothingDone, waitingFor });
      return await this.queue.run(context.signal, tell, work);
    } finally {
      this.targets.delete(target);
    }
  }

  /** Removes what an interrupted job kept for a request's target. */
  async discardUnfinished(request: QuantizeRequest, { signal }: JobContext<unknown>): Promise<void> {
    const opened = await this.engine.cache.get(request.path);
    const { out } = await sizesPlan(this.engine, opened, request, signal);
    await removeKept(out);
  }

  /** Where a request writes; throws what speaks against it already. */
  private async checkedTarget(request: QuantizeRequest, signal: AbortSignal): Promise<string> {
    const opened = await this.engine.cache.get(request.path);
    const { out, asFiles } = await sizesPlan(this.engine, opened, request, signal);
    if (this.targets.has(out))
      throw new LoupeError('refused', 'Another job is going to write this target.', { file: out });
    if (!asFiles) await assertReplaceable(out, request.overwrite);
    return out;
  }
}

const nothingDone: QuantizeProgress = {
  tensor: '',
  tensorsDone: 0,
  tensorsTotal: 0,
  bytesDone: 0,
  bytesTotal: 0,
};
