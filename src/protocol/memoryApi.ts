/** What is asked and told of a model's memory. */

import type { MemoryEstimate, MemoryRequest } from '../estimate/types';

export type { MemoryEstimate, MemoryRequest };

/** Files of a model, or a config.json of one that is not there. */
export type MemoryParams = Omit<MemoryRequest, 'gpus'> & {
  /** "24GB", a model's name such as "RTX 4090", or "here" for what this machine has. */
  readonly gpus?: readonly string[] | undefined;
} & ({ readonly path: string } | { readonly config: string });

export type MemoryContract = {
  /** From headers, or from a config.json alone: nothing else is read. */
  memory: { params: MemoryParams; result: MemoryEstimate };
};
