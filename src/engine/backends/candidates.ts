/** The candidates of the backend choice, and what is said of each after its probe. */
import type { BackendName, BackendReport, Gpu } from '../../protocol/backendApi';
import type { OrtProvider } from './ortEncoder';
import type { ProbeResult } from './probe';
import type { ProviderAnswer } from './providerProcess';

/** `notSupported` of the probe, repeated here to keep onnxruntime-node out of the engine's bundle. */
const notSupported: typeof import('./probe').notSupported = 'not-supported';

export interface Candidate {
  readonly name: Exclude<BackendName, 'cpu'>;
  readonly label: string;
  readonly provider: OrtProvider;
}

/** In order of preference. */
export const gpuCandidates: readonly Candidate[] = [
  { name: 'cuda', label: 'CUDA', provider: 'cuda' },
  { name: 'directml', label: 'DirectML', provider: 'dml' },
  { name: 'coreml', label: 'CoreML', provider: 'coreml' },
  { name: 'webgpu', label: 'WebGPU', provider: 'webgpu' },
];
export const ortCpu: Candidate = { name: 'ort-cpu', label: 'ONNX Runtime CPU', provider: 'cpu' };

/**
 * A software GPU gives itself away by its speed: for the probe's product of matrices SwiftShader takes 250
 * times as long as one CPU thread, a real GPU takes less than that thread. In between lies a busy machine.
 */
const slowestFactor = 4;

export interface Probed {
  readonly report: BackendReport;
  /** Whether `auto` may take it. */
  readonly preferred: boolean;
}

/** What else is known when a candidate is judged. */
export interface Surroundings {
  readonly gpus: readonly Gpu[];
  readonly processor: string;
  readonly hasCudaProvider: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function judge(
  candidate: Candidate,
  answer: ProviderAnswer<ProbeResult>,
  around: Surroundings,
): Probed {
  const { name, label } = candidate;
  const unavailable = (reason: string, advice?: string): Probed => ({
    report: { name, available: false, reason, advice },
    preferred: false,
  });
  if ('failure' in answer)
    return unavailable(answer.failure, 'Update the driver of the GPU. Nothing else is affected.');
  const { result } = answer;
  if (result.failure !== undefined) {
    const { reason, advice } = explain(candidate, result.failure, answer.printed, around);
    return unavailable(reason, advice);
  }
  if (result.wrongCodes > 0) {
    return unavailable(
      `its codes differ from the CPU's in ${result.wrongCodes} values of the known job`,
      'Update the driver of the GPU; until then it is not used.',
    );
  }
  const runtime = result.version === undefined ? undefined : `ONNX Runtime ${result.version}`;
  if (name === 'ort-cpu') {
    const report = { name, available: true, reason: `${label} provider`, adapter: around.processor, runtime };
    return { report, preferred: false };
  }
  const isSoftware = result.milliseconds > slowestFactor * result.cpuMilliseconds;
  const times = `${milliseconds(result.milliseconds)} for what one CPU thread does in ${milliseconds(result.cpuMilliseconds)}`;
  const gpu = isSoftware ? undefined : adapterOf(candidate, around);
  const reason = isSoftware
    ? `${label} is a software GPU: ${times}`
    : `${label}: ${gpu?.name ?? 'GPU adapter'}`;
  return {
    report: {
      name,
      available: true,
      reason,
      adapter: isSoftware ? 'software GPU' : gpu?.name,
      gpu,
      runtime,
      ...(isSoftware ? { isSoftware } : {}),
    },
    preferred: !isSoftware,
  };
}

const milliseconds = (time: number): string => `${Number(time.toPrecision(2))} ms`;

/**
 * ONNX Runtime does not tell which adapter it took. CUDA takes one of NVIDIA's, whose order need not be the driver's: where they
 * differ, none is named. For the others a name is given only when there is a single GPU, and none when an environment
 * variable chose the driver, which need not belong to it.
 */
export function adapterOf(
  { name }: Pick<Candidate, 'name'>,
  { gpus, environment }: Pick<Surroundings, 'gpus' | 'environment'>,
): Gpu | undefined {
  if (name === 'cuda') {
    const [first, ...others] = gpus.filter(({ vendor }) => vendor === 'nvidia');
    return others.every((gpu) => gpu.name === first?.name) ? first : undefined;
  }
  if (environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES) return undefined;
  return gpus.length === 1 ? gpus[0] : undefined;
}

/** The provider's failure in few words, and what one can do. */
function explain(
  candidate: Candidate,
  failure: string,
  printed: string,
  { gpus, hasCudaProvider }: Surroundings,
): { reason: string; advice?: string | undefined } {
  if (failure === notSupported) {
    return { reason: `not part of ONNX Runtime for ${process.platform}-${process.arch}` };
  }
  if (/Failed to load shared library|providers_shared/.test(failure)) {
    const missing = /(lib[\w+-]+\.so[\w.]*): cannot open shared object/.exec(printed)?.[1];
    if (hasCudaProvider) {
      return {
        reason: missing ? `${missing} is missing` : 'a library of CUDA cannot be loaded',
        advice: 'Install CUDA 12 and cuDNN 9 where the loader finds their libraries.',
      };
    }
    const hasNvidia = gpus.some(({ vendor }) => vendor === 'nvidia');
    return {
      reason: 'provider library not installed',
      advice: hasNvidia
        ? 'Run "Tensor Loupe: Install CUDA Provider Files".'
        : 'It needs an NVIDIA GPU, of which the system tells none.',
    };
  }
  const adapter = /Failed to get a WebGPU (?:adapter|device)[^\n]*/.exec(failure)?.[0];
  if (adapter) {
    return {
      reason: `no GPU adapter: ${adapter.replace(/^Failed to get a WebGPU adapter: /, '').trim()}`,
      advice: adapterAdvice(gpus, printed),
    };
  }
  const firstLine = failure.split('\n', 1)[0]!.trim();
  return {
    reason: `${candidate.label}: ${firstLine.length > 200 ? `${firstLine.slice(0, 200)}…` : firstLine}`,
  };
}

function adapterAdvice(gpus: readonly Gpu[], printed: string): string | undefined {
  if (gpus.length === 0) return undefined;
  const [{ name }] = gpus as [Gpu];
  if (process.platform !== 'linux') return `Update the driver of ${name}.`;
  return /libvulkan\.so/.test(printed)
    ? `Install the Vulkan loader (libvulkan1) and the Vulkan driver of ${name}.`
    : `Install the Vulkan driver of ${name}.`;
}
