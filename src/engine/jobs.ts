/** What every job gets to work with. */
import type { Backends } from './backends/backends';
import type { CheckpointCache } from './checkpointCache';
import type { TaskRunner } from './worker/pool';

export interface Engine {
  readonly cache: CheckpointCache;
  readonly pool: TaskRunner;
  /** A single thread that reads ahead of the pool. */
  readonly reader: TaskRunner;
  readonly backends: Backends;
}

export interface JobContext<Progress> {
  readonly signal: AbortSignal;
  readonly progress: (data: Progress) => void;
}
