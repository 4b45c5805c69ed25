/** What can compute here, what was found of it, and what a GPU runs natively. */
import type { SchemeChoice } from '../quant/types';

export type BackendName = 'cpu' | 'ort-cpu' | 'webgpu' | 'cuda' | 'directml' | 'coreml';

export type GpuVendor = 'nvidia' | 'amd' | 'intel' | 'apple';

/** A GPU of this machine, as its driver or the system tells of it. */
export interface Gpu {
  readonly name: string;
  readonly vendor: GpuVendor;
  /** "NVIDIA 550.54", "amdgpu (Linux 6.8)": the driver with its version where one is told. */
  readonly driver?: string | undefined;
  readonly memoryBytes?: number | undefined;
  /** The memory is the machine's own, which the processor uses too. */
  readonly sharesMemory?: boolean | undefined;
  /** "sm_89", "gfx942": what tells the architecture for sure, where the system has it. */
  readonly code?: string | undefined;
}

/** One candidate of the backend choice, in order of preference. */
export interface BackendReport {
  readonly name: BackendName;
  readonly available: boolean;
  /** "WebGPU: NVIDIA H100" or "no GPU adapter: ...": shown to the user as it is. */
  readonly reason: string;
  /** Where it is not available: what one can do, in a sentence; undefined when there is nothing to do. */
  readonly advice?: string | undefined;
  /** What it computes on: "AMD EPYC 7B13, 2 workers", "NVIDIA L4"; undefined when the runtime does not tell. */
  readonly adapter?: string | undefined;
  readonly gpu?: Gpu | undefined;
  /** "ONNX Runtime 1.30.0", where that made the codes. */
  readonly runtime?: string | undefined;
  /** It is a GPU in name only: `auto` passes it by. */
  readonly isSoftware?: boolean | undefined;
  /** The latest measurement in the life of the compute process. */
  readonly measured?: BackendSpeed | undefined;
}

/** Speed on the known job: float32 input bytes a second, from memory to codes in memory, transfers counted. */
export type BackendSpeed =
  | { readonly ok: true; readonly bytesPerSecond: number; readonly runs: number }
  | { readonly ok: false; readonly reason: string };

export interface BackendUse {
  readonly requested: BackendName | 'auto';
  readonly used: BackendName;
  readonly reason: string;
}

/** Kinds of numbers that matrix hardware multiplies. */
export type NumberKind = 'f16' | 'bf16' | 'int8' | 'fp8' | 'fp4';

/** `matrix`: by matrix units; `dot`: by dot-product or packed instructions of the ordinary units; `none`: converted first. */
export type NativeSupport = 'matrix' | 'dot' | 'none';

export interface GpuArchitecture {
  /** "nvidia-ada". */
  readonly id: string;
  readonly vendor: GpuVendor;
  /** "Ada Lovelace". */
  readonly name: string;
  /** "sm_89", "gfx1100"; empty where the vendor's tools know none. */
  readonly codes: readonly string[];
  readonly support: Readonly<Record<NumberKind, NativeSupport>>;
  /** A sentence about what the table cannot say. */
  readonly note?: string | undefined;
  /** Keys of the sources in docs/backends.md. */
  readonly sources: readonly string[];
}

/** A scheme that follows from what a GPU runs natively; the first of a list is the advised one. */
export interface SchemeAdvice {
  readonly choice: SchemeChoice;
  /** "F8 E4M3 per row". */
  readonly label: string;
  /** Why, in a sentence. */
  readonly why: string;
}

/** What a GPU runs natively, and which scheme follows. Without an architecture it is an unknown one. */
export interface GpuSpecification {
  readonly name: string;
  readonly vendor: GpuVendor;
  readonly memoryBytes?: number | undefined;
  readonly sharesMemory?: boolean | undefined;
  readonly architecture?: GpuArchitecture | undefined;
  /** How the architecture was told: by the driver, by the name, or not at all. */
  readonly knownBy: 'driver' | 'name' | 'none';
  readonly schemes: readonly SchemeAdvice[];
}

export interface GpuSpecifications {
  /** GPUs of this machine. */
  readonly here: readonly GpuSpecification[];
  /** Others that one may ask about, grouped by vendor. */
  readonly others: readonly GpuSpecification[];
}

/** The files that add CUDA to ONNX Runtime, on the one platform for which they are published. */
export interface CudaProviderState {
  /** Why they cannot be installed here; undefined where they can. */
  readonly refusal?: string | undefined;
  readonly isInstalled: boolean;
  /** They came by this product's own command, so that it can remove them. */
  readonly isOurs: boolean;
  readonly version: string;
  /** The package that holds them. */
  readonly packageUrl: string;
  /** Where the registry publishes size and hash of the package. */
  readonly recordUrl: string;
  /** Folder that they go to. */
  readonly folder: string;
  readonly files: readonly string[];
}

/** What the registry publishes of the package. */
export interface CudaProviderRecord {
  readonly packageBytes: number;
  /** Lower-case hexadecimal. */
  readonly sha512: string;
}

export interface CudaProviderProgress {
  readonly step: 'download' | 'unpack';
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** The engine's calls about backends. Only those of the CUDA provider that say so send requests. */
export type BackendContract = {
  backends: { params: Record<string, never>; result: readonly BackendReport[] };
  /**
   * Times the known job on the named backends, one after the other; undefined: on all that are available. A backend that
   * crashes or takes too long ends by itself, with the reason in its report.
   */
  measureBackends: {
    params: { names?: readonly BackendName[] | undefined };
    result: readonly BackendReport[];
    progress: { name: BackendName; done: number; total: number };
  };
  gpuSpecifications: { params: Record<string, never>; result: GpuSpecifications };
  cudaProvider: { params: Record<string, never>; result: CudaProviderState };
  /** Asks the registry for size and hash; to be called after the user's consent. */
  cudaProviderRecord: { params: Record<string, never>; result: CudaProviderRecord };
  /** Downloads, checks and installs; to be called after the user's consent to exactly this record. */
  installCudaProvider: {
    params: { record: CudaProviderRecord };
    result: CudaProviderState;
    progress: CudaProviderProgress;
  };
  removeCudaProvider: { params: Record<string, never>; result: CudaProviderState };
};
