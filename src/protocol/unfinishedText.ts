import type { UnfinishedOutput } from './engineApi';

/** How far an interrupted job got: "3 of 8 shards, 120 of 290 tensors", "120 of 290 tensors" of one file. */
export function unfinishedText({
  shardsDone,
  shardsTotal,
  tensorsDone,
  tensorsTotal,
}: UnfinishedOutput): string {
  const tensors = `${tensorsDone} of ${tensorsTotal} tensors`;
  return shardsTotal > 1 ? `${shardsDone} of ${shardsTotal} shards, ${tensors}` : tensors;
}
