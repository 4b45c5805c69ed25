/**
 * Which backends there are, and which one a job takes. Candidates stand in order of preference; each
 * failure's reason is kept and shown. Codes are the same on all of them, which the probe checks.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LoupeError } from '../../errors';
import type { BackendName, BackendReport, BackendUse } from '../../protocol/engineApi';
import type { TaskRunner } from '../worker/pool';
import { onlyGpuName } from './gpuName';
import type { OrtProvider } from './ortEncoder';
import { OrtThread } from './ortThread';
import type { ProbeResult } from './probe';

/** `notSupported` of the probe, repeated here to keep onnxruntime-node out of the engine's bundle. */
const notSupported: typeof import('./probe').notSupported = 'not-supported';

interface Candidate {
  readonly name: Exclude<BackendName, 'cpu'>;
  readonly label: string;
  readonly provider: OrtProvider;
}

const gpuCandidates: readonly Candidate[] = [
  { name: 'cuda', label: 'CUDA', provider: 'cuda' },
  { name: 'directml', label: 'DirectML', provider: 'dml' },
  { name: 'coreml', label: 'CoreML', provider: 'coreml' },
  { name: 'webgpu', label: 'WebGPU', provider: 'webgpu' },
];
const ortCpu: Candidate = { name: 'ort-cpu', label: 'ONNX Runtime CPU', provider: 'cpu' };

/**
 * A software GPU gives itself away by its speed: for the probe's product of matrices SwiftShader takes 250
 * times as long as one CPU thread, a real GPU takes less than that thread. In between lies a busy machine.
 */
const slowestFactor = 4;
const probeTimeoutMilliseconds = 30_000;

interface Probed {
  readonly report: BackendReport;
  /** Whether `auto` may take it. */
  readonly preferred: boolean;
}

export interface ChosenBackend {
  readonly use: BackendUse;
  /** Runs encode tasks. */
  readonly runner: TaskRunner;
  /** Releases what was started for the job. */
  release(): Promise<void>;
}

export class Backends {
  private readonly probes = new Map<BackendName, Promise<Probed>>();
  private readonly thread: OrtThread;

  constructor(
    private readonly pool: TaskRunner,
    /** dist/ortWorker.js. */
    private readonly ortEntry: URL,
  ) {
    this.thread = new OrtThread(ortEntry);
  }

  /** Every backend, what `auto` takes first. Probes take a second or so, once in the engine's life. */
  async reports(): Promise<readonly BackendReport[]> {
    const probed = await Promise.all([...gpuCandidates, ortCpu].map((candidate) => this.probe(candidate)));
    const gpus = probed.slice(0, -1);
    return [
      ...gpus.filter(({ preferred }) => preferred).map(({ report }) => report),
      { name: 'cpu', available: true, reason: this.cpuReason(gpus) },
      ...gpus.filter(({ preferred }) => !preferred).map(({ report }) => report),
      probed.at(-1)!.report,
    ];
  }

  /**
   * The backend for a job. By name it is that one or a `compute` error with the reason; `auto` takes the
   * first real GPU whose runtime works, else the kernels.
   */
  async choose(requested: BackendName | 'auto'): Promise<ChosenBackend> {
    if (requested === 'cpu') return this.kernels(requested, `CPU: ${this.kernelsText()}`);
    if (requested !== 'auto') {
      const candidate = [...gpuCandidates, ortCpu].find(({ name }) => name === requested);
      if (!candidate) throw new LoupeError('usage', `There is no backend "${requested}".`);
      const { report } = await this.probe(candidate);
      if (!report.available) throw new LoupeError('compute', `${candidate.label}: ${report.reason}.`);
      return this.ort(candidate, requested, report.reason);
    }
    const probed: Probed[] = [];
    for (const candidate of gpuCandidates) {
      const result = await this.probe(candidate);
      if (result.preferred) return this.ort(candidate, requested, result.report.reason);
      probed.push(result);
    }
    return this.kernels(requested, this.cpuReason(probed));
  }

  /** Called when a GPU that had passed its probe failed in a job: `auto` falls through from now on. */
  fellThrough(name: BackendName, reason: string): void {
    this.probes.set(name, Promise.resolve({ report: { name, available: false, reason }, preferred: false }));
  }

  private kernels(requested: BackendName | 'auto', reason: string): ChosenBackend {
    return {
      use: { requested, used: 'cpu', reason },
      runner: this.pool,
      release: async () => {},
    };
  }

  private async ort(
    candidate: Candidate,
    requested: BackendName | 'auto',
    reason: string,
  ): Promise<ChosenBackend> {
    const { runner, release } = await this.thread.lease(candidate.provider);
    return { use: { requested, used: candidate.name, reason }, runner, release };
  }

  private kernelsText(): string {
    return `WebAssembly kernels, ${this.pool.size} worker${this.pool.size === 1 ? '' : 's'}`;
  }

  /** Why it is the CPU: the reason of the last candidate that this platform could have had. */
  private cpuReason(gpus: readonly Probed[]): string {
    if (gpus.some(({ preferred }) => preferred)) return `CPU: ${this.kernelsText()}`;
    const reasons = gpus
      .map(({ report }) => report.reason)
      .filter((reason) => !reason.startsWith('not part'));
    return `CPU: ${reasons.at(-1) ?? this.kernelsText()}`;
  }

  private probe(candidate: Candidate): Promise<Probed> {
    let probed = this.probes.get(candidate.name);
    if (!probed) {
      probed = this.fork(candidate.provider).then((result) => judge(candidate, result));
      this.probes.set(candidate.name, probed);
    }
    return probed;
  }

  private fork(provider: OrtProvider): Promise<ProbeResult | string> {
    return new Promise((resolve) => {
      const child = fork(fileURLToPath(this.ortEntry), [provider], {
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        timeout: probeTimeoutMilliseconds,
        killSignal: 'SIGKILL',
      });
      let result: ProbeResult | undefined;
      child.on('message', (message) => {
        result = message as ProbeResult;
      });
      child.on('error', (error) => resolve(error.message));
      child.on('exit', (code, signal) =>
        resolve(
          result ??
            (signal ? `the driver crashed (${signal})` : `the driver ended the process (code ${code})`),
        ),
      );
    });
  }
}

function judge(candidate: Candidate, result: ProbeResult | string): Probed {
  const { name, label } = candidate;
  const unavailable = (reason: string): Probed => ({
    report: { name, available: false, reason },
    preferred: false,
  });
  if (typeof result === 'string') return unavailable(result);
  if (result.failure !== undefined) return unavailable(failureReason(candidate, result.failure));
  if (result.wrongCodes > 0) {
    return unavailable(`its codes differ from the CPU's in ${result.wrongCodes} values of the known job`);
  }
  if (name === 'ort-cpu') {
    return { report: { name, available: true, reason: `${label} provider` }, preferred: false };
  }
  const fast = result.milliseconds <= slowestFactor * result.cpuMilliseconds;
  const times = `${milliseconds(result.milliseconds)} for what one CPU thread does in ${milliseconds(result.cpuMilliseconds)}`;
  const reason = fast
    ? `${label}: ${adapterName() ?? 'GPU adapter'}`
    : `${label} is a software GPU: ${times}`;
  return { report: { name, available: true, reason }, preferred: fast };
}

const milliseconds = (time: number): string => `${Number(time.toPrecision(2))} ms`;

/** A driver that was chosen by environment variable need not belong to the GPU that the system lists. */
function adapterName(): string | undefined {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  return VK_DRIVER_FILES || VK_ICD_FILENAMES ? undefined : onlyGpuName();
}

/** The provider's failure in few words. */
function failureReason(candidate: Candidate, failure: string): string {
  if (failure === notSupported) {
    return `not part of ONNX Runtime for ${process.platform}-${process.arch}`;
  }
  if (/Failed to load shared library|providers_shared/.test(failure)) return 'provider library not installed';
  const adapter = /Failed to get a WebGPU (?:adapter|device)[^\n]*/.exec(failure)?.[0];
  if (adapter) return `no GPU adapter: ${adapter.replace(/^Failed to get a WebGPU adapter: /, '').trim()}`;
  const firstLine = failure.split('\n', 1)[0]!.trim();
  return `${candidate.label}: ${firstLine.length > 200 ? `${firstLine.slice(0, 200)}…` : firstLine}`;
}
