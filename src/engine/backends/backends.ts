/**
 * Which backends there are, and which one a job takes. Candidates stand in order of preference; each
 * failure's reason is kept and shown. Codes are the same on all of them, which the probe checks.
 */

import * as os from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { LoupeError } from '../../errors';
import type {
  BackendContract,
  BackendName,
  BackendReport,
  BackendSpeed,
  BackendUse,
  Gpu,
} from '../../protocol/backendApi';
import type { TaskRunner } from '../worker/pool';
import { type Candidate, gpuCandidates, judge, ortCpu, type Probed } from './candidates';
import { hasCudaProvider } from './cudaProviderFiles';
import { findGpus } from './gpus/findGpus';
import type { MeasuredProvider, MeasureResult } from './measure';
import { OrtThread } from './ortThread';
import type { ProbeResult } from './probe';
import { type ProviderAnswer, runProviderProcess } from './providerProcess';

const probeLimitMs = 30_000;
/** A software driver takes seconds for the job; what takes longer than this is of no use. */
const measureLimitMs = 60_000;

export interface ChosenBackend {
  readonly use: BackendUse;
  /** Runs encode tasks. */
  readonly runner: TaskRunner;
  /** Releases what was started for the job. */
  release(): Promise<void>;
}

interface MeasureContext {
  readonly signal: AbortSignal;
  readonly progress: (state: BackendContract['measureBackends']['progress']) => void;
}

export class Backends {
  private readonly probes = new Map<BackendName, Promise<Probed>>();
  private readonly speeds = new Map<BackendName, BackendSpeed>();
  private readonly thread: OrtThread;
  private found: Promise<readonly Gpu[]> | undefined;
  private lastMeasurement: Promise<void> = Promise.resolve();

  constructor(
    private readonly pool: TaskRunner,
    /** dist/ortWorker.js. */
    private readonly ortEntry: URL,
  ) {
    this.thread = new OrtThread(ortEntry);
  }

  /** The GPUs that the system tells of, looked for once. */
  gpus(): Promise<readonly Gpu[]> {
    this.found ??= findGpus().catch(() => []);
    return this.found;
  }

  /** Every backend, what `auto` takes first. Probes take a second or so, once in the engine's life. */
  async reports(): Promise<readonly BackendReport[]> {
    const probed = await Promise.all([...gpuCandidates, ortCpu].map((candidate) => this.probe(candidate)));
    const gpus = probed.slice(0, -1);
    const cpu: BackendReport = {
      name: 'cpu',
      available: true,
      reason: this.cpuReason(gpus),
      adapter: `${processorName()}, ${this.workersText()}`,
    };
    return [
      ...gpus.filter(({ preferred }) => preferred).map(({ report }) => report),
      cpu,
      ...gpus.filter(({ preferred }) => !preferred).map(({ report }) => report),
      probed.at(-1)!.report,
    ].map((report) => {
      const measured = this.speeds.get(report.name);
      return measured ? { ...report, measured } : report;
    });
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

  /**
   * Times the known job on the named backends, or on all that are available, one after the other. Each runs in a process of
   * its own; for the kernels there are as many as workers, whose speeds add up. Throws `cancelled` only.
   */
  measure(
    names: readonly BackendName[] | undefined,
    context: MeasureContext,
  ): Promise<readonly BackendReport[]> {
    // Two at once would time each other.
    const job = this.lastMeasurement.then(() => this.measureNow(names, context));
    // The next one begins once the answer of this one is on its way.
    const answered = () => setImmediate();
    this.lastMeasurement = job.then(answered, answered);
    return job;
  }

  private async measureNow(
    names: readonly BackendName[] | undefined,
    context: MeasureContext,
  ): Promise<readonly BackendReport[]> {
    const reports = await this.reports();
    const wanted = reports.filter(({ name, available }) => available && (names?.includes(name) ?? true));
    for (const [done, { name }] of wanted.entries()) {
      context.progress({ name, done, total: wanted.length });
      this.speeds.set(name, await this.speedOf(name, context.signal));
    }
    return this.reports();
  }

  /** Called when a GPU that had passed its probe failed in a job: `auto` falls through from now on. */
  fellThrough(name: BackendName, reason: string): void {
    const advice = 'It is tried again when the window is reloaded.';
    this.probes.set(
      name,
      Promise.resolve({ report: { name, available: false, reason, advice }, preferred: false }),
    );
  }

  /** Looks anew at the next question, after something was installed or removed. */
  forget(name: BackendName): void {
    this.probes.delete(name);
    this.speeds.delete(name);
  }

  private async speedOf(name: BackendName, signal: AbortSignal): Promise<BackendSpeed> {
    const candidate = [...gpuCandidates, ortCpu].find((each) => each.name === name);
    const provider: MeasuredProvider = candidate?.provider ?? 'kernels';
    const processes = Array.from({ length: candidate ? 1 : this.pool.size }, () =>
      runProviderProcess<MeasureResult>(this.ortEntry, [provider, 'measure'], measureLimitMs, signal),
    );
    const settled = await Promise.allSettled(processes);
    let bytesPerSecond = 0;
    let runs = 0;
    for (const each of settled) {
      if (each.status === 'rejected') throw LoupeError.from(each.reason);
      if ('failure' in each.value) return { ok: false, reason: each.value.failure };
      const { result } = each.value;
      if (result.failure !== undefined) return { ok: false, reason: result.failure };
      bytesPerSecond += result.bytesPerSecond;
      runs = Math.max(runs, result.runs);
    }
    return { ok: true, bytesPerSecond, runs };
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
    return `WebAssembly kernels, ${this.workersText()}`;
  }

  private workersText(): string {
    return `${this.pool.size} worker${this.pool.size === 1 ? '' : 's'}`;
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
      probed = this.probeAnew(candidate);
      this.probes.set(candidate.name, probed);
    }
    return probed;
  }

  private async probeAnew(candidate: Candidate): Promise<Probed> {
    const [gpus, answer] = await Promise.all([
      this.gpus(),
      runProviderProcess<ProbeResult>(this.ortEntry, [candidate.provider], probeLimitMs).catch(
        (thrown: unknown): ProviderAnswer<ProbeResult> => ({ failure: LoupeError.from(thrown).message }),
      ),
    ]);
    return judge(candidate, answer, {
      gpus,
      processor: processorName(),
      hasCudaProvider: hasCudaProvider(),
      environment: process.env,
    });
  }
}

const processorName = (): string => os.cpus()[0]?.model.trim() || `${os.availableParallelism()} cores`;
