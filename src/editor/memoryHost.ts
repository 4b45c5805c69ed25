/** Answers the Memory tab: the engine's estimates of the page's own checkpoint. */
import type { EngineClient } from '../engine/client';
import type { Catalogue } from '../protocol/engineApi';
import type { MemoryPageContract } from '../protocol/memoryPageApi';
import type { Handlers } from '../protocol/rpc';

/** `catalogue`: the checkpoint that is shown; headers alone are asked for, so that models without values are estimated too. */
export function memoryHandlers(
  engine: EngineClient,
  catalogue: () => Promise<Catalogue>,
): Handlers<MemoryPageContract> {
  return {
    memoryChoices: (_, { signal }) => engine.call('memoryChoices', {}, { signal, again: true }),
    memoryEstimate: async (request, { signal }) => {
      const { path } = await catalogue();
      return engine.call('memory', { ...request, path }, { signal, again: true });
    },
  };
}
