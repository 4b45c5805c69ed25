/** What the page of compute backends and the extension host say to each other. */
import type {
  BackendName,
  BackendReport,
  CudaProviderState,
  GpuSpecification,
  GpuSpecifications,
} from './backendApi';

export type BackendSetting = BackendName | 'auto';

/** Asked by the page. */
export type BackendsHostContract = {
  /** What is known at once. */
  ready: {
    params: Record<string, never>;
    result: {
      configured: BackendSetting;
      gpus: GpuSpecifications['here'];
      cuda: CudaProviderState;
      /** Whether the workspace is trusted: else the setting is not honoured and nothing is installed. */
      isTrusted: boolean;
    };
  };
  /** Tries every candidate, which takes seconds the first time. */
  reports: { params: Record<string, never>; result: readonly BackendReport[] };
  measure: {
    params: { names?: readonly BackendName[] | undefined };
    result: readonly BackendReport[];
    progress: { name: BackendName; done: number; total: number };
  };
  /** Writes the setting. */
  choose: { params: { value: BackendSetting }; result: { configured: BackendSetting } };
  /** Has the user choose a GPU of the list; null when they chose none. */
  pickGpu: { params: Record<string, never>; result: GpuSpecification | null };
  /** The GPU of that name in the list, for a page that was shown before. */
  gpu: { params: { name: string }; result: GpuSpecification | null };
  action: {
    params:
      | { kind: 'installCuda' | 'removeCuda' | 'help' }
      /** Previews the error of an advised scheme on a model that the user picks. */
      | { kind: 'preview'; scheme: string };
    result: undefined;
  };
};

/** Asked by the host. */
export type BackendsPageContract = {
  /** The setting changed, or files were installed or removed: everything is asked anew. */
  reload: { params: Record<string, never>; result: undefined };
};
