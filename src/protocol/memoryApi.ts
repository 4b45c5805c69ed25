/** What is asked and told of a model's memory. */
export type { MemoryEstimate, MemoryRequest } from '../estimate/memoryEstimate';

import type { MemoryRequest } from '../estimate/memoryEstimate';

/** Files of a model, or a config.json of one that is not there. */
export type MemoryParams = MemoryRequest & ({ readonly path: string } | { readonly config: string });
