/**
 * Worker threads that run tasks from two queues: what a person waits for goes before bulk work. Tasks say
 * what to compute over which bytes; results are small. The number of workers never decides a result,
 * only how long it takes.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LoupeError, type SerializedError } from '../../errors';
import type { Task, TaskReply, TaskRequest, TaskResult } from './task';

export interface TaskOptions {
  readonly signal?: AbortSignal | undefined;
  /** A person waits for it: before everything that is queued and not urgent. */
  readonly urgent?: boolean | undefined;
}

/** Anything that runs tasks: the pool, or the one ONNX Runtime thread. */
export interface TaskRunner {
  /** Tasks that it can work on at the same time. */
  readonly size: number;
  run<T extends Task>(task: T, options?: TaskOptions): Promise<TaskResult<T>>;
}

interface Queued {
  readonly task: Task;
  readonly isUrgent: boolean;
  readonly cancel: CancelFlag;
  /** How many workers died while they ran it. */
  deaths: number;
  resolve(result: unknown): void;
  reject(error: LoupeError): void;
}

interface Member {
  readonly worker: Worker;
  /** In the order sent; a worker answers in that order. */
  readonly open: Map<number, Queued>;
}

/** One shared word a job, which its workers read between segments; one word serves all tasks of a signal. */
class CancelFlag {
  readonly shared = new Int32Array(new SharedArrayBuffer(4));

  private static readonly bySignal = new WeakMap<AbortSignal, CancelFlag>();
  private static readonly never = new CancelFlag();

  static of(signal: AbortSignal | undefined): CancelFlag {
    if (!signal) return CancelFlag.never;
    let flag = CancelFlag.bySignal.get(signal);
    if (!flag) {
      const made = new CancelFlag();
      CancelFlag.bySignal.set(signal, made);
      if (signal.aborted) made.set();
      signal.addEventListener('abort', () => made.set(), { once: true });
      flag = made;
    }
    return flag;
  }

  get isSet(): boolean {
    return Atomics.load(this.shared, 0) !== 0;
  }

  private set(): void {
    Atomics.store(this.shared, 0, 1);
  }
}

/** Tasks a worker holds at once: the next one is there when the last is done, and urgent ones still come soon. */
const depth = 2;

/** A task may take down a worker once by mishap; doing it again, it is to blame. */
const usualAttempts = 2;
/** Workers that die one after the other without a single answer cannot work at all. */
const mostDeathsInARow = 8;

export class WorkerPool implements TaskRunner {
  readonly size: number;
  private readonly members: Member[] = [];
  private readonly urgent: Queued[] = [];
  private readonly bulk: Queued[] = [];
  private nextId = 1;
  private closed = false;
  private deathsInARow = 0;

  constructor(
    /** Absolute path or URL of the worker's bundle. */
    private readonly entry: URL,
    size: number,
    private readonly workerData: unknown = undefined,
    /** How often a task is tried whose worker dies. */
    private readonly attempts: number = usualAttempts,
  ) {
    this.size = Math.max(1, Math.floor(size));
  }

  /**
   * Rejects with the task's own LoupeError, `cancelled`, or `compute` when worker after worker died on it. A worker's death
   * fails no other task: what it held besides goes to another.
   */
  run<T extends Task>(task: T, options: TaskOptions = {}): Promise<TaskResult<T>> {
    return new Promise<TaskResult<T>>((resolve, reject) => {
      const isUrgent = options.urgent ?? false;
      const queue = isUrgent ? this.urgent : this.bulk;
      queue.push({
        task,
        isUrgent,
        cancel: CancelFlag.of(options.signal),
        deaths: 0,
        resolve: resolve as (result: unknown) => void,
        reject,
      });
      this.pump();
    });
  }

  /** Ends the workers; open tasks reject. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.members.map((member) => member.worker.terminate()));
  }

  private pump(): void {
    for (;;) {
      const member = this.freeMember();
      if (!member) return;
      const queued = this.urgent.shift() ?? this.bulk.shift();
      if (!queued) return;
      if (queued.cancel.isSet) {
        queued.reject(new LoupeError('cancelled', 'Cancelled.'));
        continue;
      }
      const id = this.nextId++;
      member.open.set(id, queued);
      const request: TaskRequest = { id, task: queued.task, cancel: queued.cancel.shared };
      member.worker.postMessage(request);
    }
  }

  /** The least busy worker with room; a new one while there are fewer than `size` and all are busy. */
  private freeMember(): Member | undefined {
    if (this.closed || (this.urgent.length === 0 && this.bulk.length === 0)) return undefined;
    let best: Member | undefined;
    for (const member of this.members) {
      if (!best || member.open.size < best.open.size) best = member;
    }
    if (best?.open.size === 0) return best;
    if (this.members.length < this.size) return this.addMember();
    return best && best.open.size < depth ? best : undefined;
  }

  private addMember(): Member {
    const worker = new Worker(this.entry, { workerData: this.workerData });
    const member: Member = { worker, open: new Map() };
    this.members.push(member);
    worker.on('message', (reply: TaskReply) => {
      const queued = member.open.get(reply.id);
      member.open.delete(reply.id);
      this.deathsInARow = 0;
      if ('error' in reply) queued?.reject(LoupeError.fromJSON(reply.error as SerializedError));
      else queued?.resolve(reply.result);
      this.pump();
    });
    let reason = 'it ended unexpectedly';
    worker.on('error', (error) => {
      reason = error.message;
    });
    worker.on('exit', () => {
      this.members.splice(this.members.indexOf(member), 1);
      this.bury(member, reason);
      this.pump();
    });
    return member;
  }

  /** Gives a dead worker's tasks to others. Only the first had begun; it alone can be to blame. */
  private bury(member: Member, reason: string): void {
    this.deathsInARow++;
    const open = [...member.open.values()];
    member.open.clear();
    const [begun] = open;
    if (begun) begun.deaths++;
    const isHopeless = this.closed || this.deathsInARow >= mostDeathsInARow;
    for (const queued of open.reverse()) {
      if (isHopeless || queued.deaths >= this.attempts) queued.reject(deathOf(queued, reason));
      else (queued.isUrgent ? this.urgent : this.bulk).unshift(queued);
    }
    if (!isHopeless) return;
    for (const queued of [...this.urgent.splice(0), ...this.bulk.splice(0)])
      queued.reject(deathOf(queued, reason));
    this.deathsInARow = 0;
  }
}

function deathOf({ task, deaths }: Queued, reason: string): LoupeError {
  const source = 'source' in task ? task.source : undefined;
  const times = deaths > 1 ? ` ${deaths} times` : '';
  const what = source ? ` while it read ${source.name}` : '';
  const why = reason.replace(/\.$/, '');
  return new LoupeError('compute', `A worker thread failed${times}${what}: ${why}.`, {
    tensor: source?.name,
    file: source?.file.path,
  });
}

/** TENSOR_LOUPE_WORKERS, else one a core and at most four: beyond that the disk is the limit. */
export function defaultWorkerCount(): number {
  const asked = Number(process.env.TENSOR_LOUPE_WORKERS);
  if (Number.isInteger(asked) && asked >= 1) return Math.min(asked, 64);
  return Math.min(4, availableParallelism());
}
