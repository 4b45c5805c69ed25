/** Statistics of many tensors: what is known from the cache first, then small neighbours together and large ones in parts. */
import { LoupeError, throwIfAborted } from '../../errors';
import type { EngineContract, TensorStats } from '../../protocol/engineApi';
import { encodeRecords, type StatsRecords } from '../../protocol/statsRecords';
import type { OpenedCheckpoint } from '../checkpointCache';
import type { Engine, JobContext } from '../jobs';
import { tensorSource } from '../tensorSource';
import { runWeighted } from '../worker/inOrder';
import type { TaskOptions, TaskRunner } from '../worker/pool';
import { WarmedPool } from '../worker/warmedPool';
import type { ModelFigures } from './statsCache';
import { StatsDelivery } from './statsDelivery';
import { type ReadableTensor, type StatsUnit, statsUnits } from './statsUnits';
import { keepPatterns } from './tensorPatterns';
import { tensorStats } from './tensorStats';

type StatsMethod = EngineContract['stats'];
type StatsParams = Omit<StatsMethod['params'], 'path' | 'generation' | 'cache'>;

/** Details of more tensors at once are not kept: one file each would be thousands of files. */
const mostDetailsKept = 4096;

/** `known` is what the cache holds of this model; undefined: nothing is kept. */
export async function statsJob(
  engine: Pick<Engine, 'pool' | 'reader'>,
  opened: OpenedCheckpoint,
  params: StatsParams,
  context: JobContext<StatsMethod['progress']>,
  known?: ModelFigures,
): Promise<StatsMethod['result']> {
  const { tensors, stream = false, channels } = params;
  if (stream && channels !== 'summary')
    throw new LoupeError('usage', 'Only summaries come as a stream; ask for details without it.');
  const delivery = new StatsDelivery(opened, tensors, stream, context.progress);
  const wanted = await new KnownFigures(opened, params, delivery, known).take();
  if (params.cachedOnly) return delivery.finish();
  const readable: ReadableTensor[] = [];
  for (const index of wanted) {
    const tensor = opened.tensor(index);
    const source = tensorSource(opened.checkpoint, tensor);
    if (typeof source === 'string') delivery.stats(index, null);
    else readable.push({ index, source, bytes: tensor.bytes });
  }
  await new Analysis(
    new WarmedPool(engine.pool, engine.reader),
    opened,
    params,
    context.signal,
    delivery,
    known,
  ).run(readable);
  return delivery.finish();
}

/** The results that the cache holds. */
class KnownFigures {
  constructor(
    private readonly opened: OpenedCheckpoint,
    private readonly params: StatsParams,
    private readonly delivery: StatsDelivery,
    private readonly known: ModelFigures | undefined,
  ) {}

  /** Delivers what is known and gives the other tensors, each once, in the order asked for. */
  async take(): Promise<number[]> {
    const { known, delivery } = this;
    const asked = [...new Set(this.params.tensors)];
    if (!known) return asked;
    if (this.params.channels === 'summary') {
      const found = asked.filter((index) => known.summaries.has(index));
      if (found.length > 0) delivery.records(known.summaries.records(found));
      return asked.filter((index) => !known.summaries.has(index));
    }
    const wanted: number[] = [];
    for (const index of asked) {
      const stats = await known.details(index, this.opened.tensor(index).name);
      if (stats) delivery.stats(index, this.fitted(stats));
      else wanted.push(index);
    }
    return wanted;
  }

  /** Without what was not asked for. */
  private fitted(stats: TensorStats): TensorStats {
    if (this.params.channels === 'full') return stats;
    const { channels: _, outlierChannels: __, ...rest } = stats;
    return rest;
  }
}

/** The work on what is not known. */
class Analysis {
  private readonly stop = new AbortController();
  private readonly isBulk: boolean;

  constructor(
    private readonly pool: TaskRunner,
    private readonly opened: OpenedCheckpoint,
    private readonly params: StatsParams,
    private readonly signal: AbortSignal,
    private readonly delivery: StatsDelivery,
    private readonly known: ModelFigures | undefined,
  ) {
    this.isBulk = params.tensors.length > 1;
  }

  /** Rejects with the first failure once nothing of the job runs any more. */
  async run(tensors: readonly ReadableTensor[]): Promise<void> {
    throwIfAborted(this.signal);
    const onAbort = () => this.stop.abort();
    this.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { size } = this.pool;
      // A large tensor fills all workers by itself; a second one is begun so that its end leaves none idle, and a third so
      // that a disk has something to read meanwhile.
      await runWeighted(statsUnits(tensors, size), 3 * (size + 1), this.stop, (unit) => this.work(unit));
      throwIfAborted(this.signal);
    } finally {
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  private get options(): TaskOptions {
    return { signal: this.stop.signal, urgent: !this.isBulk };
  }

  private async work(unit: StatsUnit): Promise<void> {
    if (unit.kind === 'single') return this.single(unit.member);
    const { members, span } = unit;
    const { channels, outlierFactor, int8Threshold } = this.params;
    try {
      const result = await this.pool.run(
        {
          kind: 'statsBatch',
          sources: members.map(({ source }) => source),
          indices: members.map(({ index }) => index),
          span,
          channels: channels !== 'none',
          figures: { channels, outlierFactor, int8Threshold },
          asRecords: channels === 'summary',
        },
        this.options,
      );
      if ('records' in result) this.deliverRecords(result.records);
      else for (const [i, { index }] of members.entries()) await this.deliver(index, result.stats[i]!);
    } catch (thrown) {
      throwIfAborted(this.stop.signal);
      // One of them is to blame: by itself it fails by name, and the others are well.
      if (LoupeError.from(thrown).code === 'cancelled') throw thrown;
      for (const member of members) await this.single(member);
    }
  }

  private async single({ index, source, bytes }: ReadableTensor): Promise<void> {
    const elements = source.rows * source.columns;
    // Each part that is done is told, so that a tensor of 40 GB has a progress of its own.
    const pool: TaskRunner = {
      size: this.pool.size,
      run: async (task, options) => {
        const result = await this.pool.run(task, options);
        if (task.kind === 'stats' && !task.figures) {
          this.delivery.bytes(index, (bytes * task.part.rows * task.part.columns) / elements);
        }
        return result;
      },
    };
    try {
      const stats = await tensorStats({ pool }, source, this.params, {
        ...this.options,
        counted: this.isBulk ? undefined : (counted) => keepPatterns(this.opened, index, counted),
      });
      await this.deliver(index, stats);
    } catch (thrown) {
      const error = LoupeError.from(thrown, { tensor: source.name, file: source.file.path });
      if (!this.params.stream || error.code !== 'compute') throw error;
      this.delivery.failed(index, error);
    }
  }

  private async deliver(index: number, stats: TensorStats): Promise<void> {
    const { known, params } = this;
    this.delivery.stats(index, stats);
    if (!known || params.channels === 'none') return;
    known.keep(encodeRecords([{ index, stats }]));
    if (params.channels === 'full' && params.tensors.length <= mostDetailsKept)
      await known.keepDetails(index, stats);
  }

  private deliverRecords(records: StatsRecords): void {
    this.known?.keep(records);
    this.delivery.records(records);
  }
}
