/** Answers to the engine's calls about backends. */
import type { BackendContract } from '../../protocol/backendApi';
import type { Handlers } from '../../protocol/rpc';
import type { Backends } from './backends';
import {
  cudaProviderRecord,
  cudaProviderState,
  installCudaProvider,
  realSurroundings,
  removeCudaProvider,
} from './cudaProvider';
import { gpuSpecifications } from './gpus/specifications';

/** `tracked` has the process wait for a job's clean-up when its parent goes. */
export function backendHandlers(
  backends: Backends,
  tracked: <T>(job: Promise<T>) => Promise<T>,
): Handlers<BackendContract> {
  /** What was installed or removed changes what a probe finds. */
  const looksAnew = async <T>(job: Promise<T>): Promise<T> => {
    try {
      return await tracked(job);
    } finally {
      backends.forget('cuda');
    }
  };
  return {
    backends: () => backends.reports(),
    measureBackends: ({ names }, context) => backends.measure(names, context),
    gpuSpecifications: async () => gpuSpecifications(await backends.gpus()),
    cudaProvider: () => cudaProviderState(realSurroundings()),
    cudaProviderRecord: (_, { signal }) => cudaProviderRecord(realSurroundings(), signal),
    installCudaProvider: ({ record }, context) =>
      looksAnew(installCudaProvider(realSurroundings(), record, context)),
    removeCudaProvider: () => looksAnew(removeCudaProvider(realSurroundings())),
  };
}
