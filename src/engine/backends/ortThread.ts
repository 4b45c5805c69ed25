/**
 * The one thread of ONNX Runtime. Two of them with WebGPU in one process broke, so jobs on the same provider share
 * it, jobs on another wait, and it ends with its last job, which frees the runtime's memory.
 */
import { type TaskRunner, WorkerPool } from '../worker/pool';
import type { OrtProvider } from './ortEncoder';

export interface OrtLease {
  readonly runner: TaskRunner;
  release(): Promise<void>;
}

interface Running {
  readonly provider: OrtProvider;
  readonly pool: WorkerPool;
  users: number;
  /** Resolves when the thread has ended. */
  readonly ended: Promise<void>;
  readonly end: () => void;
}

export class OrtThread {
  private running: Running | undefined;

  constructor(
    /** dist/ortWorker.js. */
    private readonly entry: URL,
  ) {}

  async lease(provider: OrtProvider): Promise<OrtLease> {
    // Without users it is ending.
    while (this.running && (this.running.provider !== provider || this.running.users === 0)) {
      await this.running.ended;
    }
    this.running ??= this.start(provider);
    const { running } = this;
    running.users++;
    return {
      runner: running.pool,
      release: async () => {
        running.users--;
        if (running.users > 0) return;
        await running.pool.close();
        this.running = undefined;
        running.end();
      },
    };
  }

  private start(provider: OrtProvider): Running {
    const { promise, resolve } = withResolvers();
    return {
      provider,
      // A device that was lost is not asked again: the job falls through to the kernels.
      pool: new WorkerPool(this.entry, 1, { provider }, 1),
      users: 0,
      ended: promise,
      end: resolve,
    };
  }
}

/** Promise.withResolvers, which Node 20 does not have. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
