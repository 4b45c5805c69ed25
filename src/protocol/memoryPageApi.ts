/** What the Memory tab asks of the host. */
import type { MemoryChoices, MemoryEstimate, MemoryRequest } from './memoryApi';

/** Of the page's own checkpoint; devices as the engine reads them, each by itself. */
export type PageMemoryRequest = Omit<MemoryRequest, 'gpus' | 'devices'> & {
  readonly devices: readonly string[];
};

export type MemoryPageContract = {
  memoryChoices: { params: Record<string, never>; result: MemoryChoices };
  memoryEstimate: { params: PageMemoryRequest; result: MemoryEstimate };
};
