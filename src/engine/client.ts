/**
 * The way to the compute process for the extension host and the command line. It forks the engine at
 * the first call, forks it anew after a death, and imports nothing but the protocol, so that it costs a
 * bundle next to nothing.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { LoupeError } from '../errors';
import type { EngineContract } from '../protocol/engineApi';
import { Rpc, type RpcMessage } from '../protocol/rpc';

export interface EngineExit {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What the process last wrote to stderr, for a log. */
  readonly stderr: string;
}

export interface EngineClientOptions {
  /** Absolute path of dist/engine.js. */
  readonly enginePath: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Called with one plain sentence when the process ends without having been asked to. */
  readonly onExit?: ((message: string, exit: EngineExit) => void) | undefined;
  /** Hears each line that the process writes for a log. */
  readonly onLog?: ((line: string) => void) | undefined;
}

export interface EngineCallOptions<M extends keyof EngineContract> {
  readonly signal?: AbortSignal | undefined;
  readonly progress?:
    | ((data: EngineContract[M] extends { progress: infer P } ? P : undefined) => void)
    | undefined;
  /**
   * Ask once more when the process ends before it has answered. For calls that change nothing; progress may be told
   * twice.
   */
  readonly again?: boolean | undefined;
}

interface Running {
  readonly child: ChildProcess;
  // biome-ignore lint/complexity/noBannedTypes: the engine asks nothing of its client.
  readonly rpc: Rpc<{}, EngineContract>;
}

const keptStderr = 8192;

export class EngineClient {
  private running: Running | undefined;
  private disposed = false;

  constructor(private readonly options: EngineClientOptions) {}

  /** Process id of the engine that runs now, if any: for tests and logs. */
  get pid(): number | undefined {
    return this.running?.child.pid;
  }

  /**
   * Asks the engine. Rejects with the engine's own LoupeError, with `cancelled` once the engine has
   * stopped after an abort, or with `engine-died` when the process ends before it has answered.
   */
  async call<M extends keyof EngineContract & string>(
    method: M,
    params: EngineContract[M]['params'],
    options: EngineCallOptions<M> = {},
  ): Promise<EngineContract[M]['result']> {
    try {
      return await this.callOnce(method, params, options);
    } catch (thrown) {
      const { code } = LoupeError.from(thrown);
      const isOver = this.disposed || options.signal?.aborted;
      if (code !== 'engine-died' || !options.again || isOver) throw thrown;
      return this.callOnce(method, params, options);
    }
  }

  private callOnce<M extends keyof EngineContract & string>(
    method: M,
    params: EngineContract[M]['params'],
    options: EngineCallOptions<M>,
  ): Promise<EngineContract[M]['result']> {
    if (this.disposed) return Promise.reject(new LoupeError('engine-died', 'The engine has been shut down.'));
    try {
      this.running ??= this.start();
    } catch (thrown) {
      return Promise.reject(LoupeError.from(thrown));
    }
    return this.running.rpc.call(method, params, options as Parameters<Running['rpc']['call']>[2]) as Promise<
      EngineContract[M]['result']
    >;
  }

  /** Ends the process; open calls reject with `engine-died`. */
  dispose(): void {
    this.disposed = true;
    const running = this.running;
    this.running = undefined;
    if (!running) return;
    running.rpc.close(new LoupeError('engine-died', 'The engine has been shut down.'));
    // The engine exits by itself when the channel closes; its jobs clean up after themselves first.
    if (running.child.connected) running.child.disconnect();
  }

  private start(): Running {
    const child = fork(this.options.enginePath, [], {
      serialization: 'advanced',
      // A debugger's port is the parent's; the child must not try to take it.
      execArgv: process.execArgv.filter((flag) => !/^--(inspect|debug)/.test(flag)),
      env: {
        ...process.env,
        ...this.options.env,
        // In a desktop VS Code process.execPath is Electron, which runs as Node only when told to.
        ...(process.versions.electron ? { ELECTRON_RUN_AS_NODE: '1' } : {}),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-keptStderr);
      for (const line of text.split('\n')) if (line.trim() !== '') this.options.onLog?.(line);
    });
    const rpc = new Rpc<Record<never, never>, EngineContract>(
      {
        post: (message) => {
          // A refused post means that the channel is closing: 'exit' or 'disconnect' rejects the call.
          if (child.connected) child.send(message, () => {});
        },
        onMessage: (listener) => child.on('message', (message) => listener(message as RpcMessage)),
      },
      {},
    );
    const running: Running = { child, rpc };
    const ended = (code: number | null, signal: string | null) => {
      const how = signal ? `signal ${signal}` : code === null ? 'a closed channel' : `exit code ${code}`;
      const message = `The compute process ended unexpectedly (${how}).`;
      rpc.close(new LoupeError('engine-died', message));
      if (this.running !== running) return;
      this.running = undefined;
      this.options.onExit?.(message, { code, signal, stderr });
    };
    child.on('exit', ended);
    child.on('error', (error) => {
      rpc.close(new LoupeError('engine-died', `The compute process could not be started: ${error.message}`));
      if (this.running === running) this.running = undefined;
    });
    return running;
  }
}
