/**
 * Typed request/reply over any message channel (child process, webview, worker thread).
 * An interface of async methods is the contract; each side may serve one and call the other.
 * A handler that throws rejects the caller's promise, so no view waits for ever.
 */
import { LoupeError, type SerializedError } from '../errors';

export { type ErrorCode, LoupeError, type SerializedError } from '../errors';

/** One direction's contract: method name -> [parameters, result, progress]. */
// biome-ignore lint/suspicious/noExplicitAny: the contract is a type-level table; each user fills it in.
export type Contract = Record<string, { params: any; result: any; progress?: any }>;

export type Handlers<C extends Contract> = {
  [M in keyof C]: (
    params: C[M]['params'],
    context: { signal: AbortSignal; progress: (data: C[M]['progress']) => void },
  ) => Promise<C[M]['result']> | C[M]['result'];
};

export type RpcMessage =
  | { readonly kind: 'request'; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: SerializedError }
  | { readonly kind: 'progress'; readonly id: number; readonly data: unknown }
  | { readonly kind: 'cancel'; readonly id: number };

export interface Channel {
  post(message: RpcMessage): void;
  onMessage(listener: (message: RpcMessage) => void): void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: LoupeError): void;
  progress: ((data: never) => void) | undefined;
}

/** `Serves` is what this side answers, `Calls` what it asks of the other side. */
export class Rpc<Serves extends Contract, Calls extends Contract> {
  private nextId = 1;
  private readonly pending = new Map<number, Pending>();
  private readonly running = new Map<number, AbortController>();

  constructor(
    private readonly channel: Channel,
    private readonly handlers: Handlers<Serves>,
  ) {
    channel.onMessage((message) => this.receive(message));
  }

  /**
   * Calls a method of the other side. Rejects with a LoupeError: the other side's own, or `cancelled`
   * once the other side has acknowledged the abort.
   */
  call<M extends keyof Calls & string>(
    method: M,
    params: Calls[M]['params'],
    options: { signal?: AbortSignal | undefined; progress?: (data: Calls[M]['progress']) => void } = {},
  ): Promise<Calls[M]['result']> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted) {
        reject(new LoupeError('cancelled', 'Cancelled.'));
        return;
      }
      const onAbort = () => this.channel.post({ kind: 'cancel', id });
      const settle = () => options.signal?.removeEventListener('abort', onAbort);
      this.pending.set(id, {
        resolve: (value) => {
          settle();
          resolve(value as Calls[M]['result']);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        progress: options.progress as Pending['progress'],
      });
      options.signal?.addEventListener('abort', onAbort, { once: true });
      this.channel.post({ kind: 'request', id, method, params });
    });
  }

  /** Fails every open call, and aborts everything that runs for the other side: the channel is gone. */
  close(error: LoupeError): void {
    for (const call of this.pending.values()) call.reject(error);
    this.pending.clear();
    for (const controller of this.running.values()) controller.abort();
    this.running.clear();
  }

  private receive(message: RpcMessage): void {
    switch (message.kind) {
      case 'request':
        void this.serve(message.id, message.method, message.params);
        return;
      case 'cancel':
        this.running.get(message.id)?.abort();
        return;
      case 'progress':
        this.pending.get(message.id)?.progress?.(message.data as never);
        return;
      case 'result': {
        const call = this.pending.get(message.id);
        this.pending.delete(message.id);
        call?.resolve(message.result);
        return;
      }
      case 'error': {
        const call = this.pending.get(message.id);
        this.pending.delete(message.id);
        call?.reject(LoupeError.fromJSON(message.error));
        return;
      }
    }
  }

  private async serve(id: number, method: string, params: unknown): Promise<void> {
    const controller = new AbortController();
    this.running.set(id, controller);
    try {
      const handler = Object.hasOwn(this.handlers, method) ? this.handlers[method] : undefined;
      if (!handler) throw new LoupeError('usage', `No such request: ${method}.`);
      const result = await handler(params, {
        signal: controller.signal,
        progress: (data) => {
          if (this.running.has(id)) this.channel.post({ kind: 'progress', id, data });
        },
      });
      this.channel.post({ kind: 'result', id, result });
    } catch (thrown) {
      this.channel.post({ kind: 'error', id, error: LoupeError.from(thrown).toJSON() });
    } finally {
      this.running.delete(id);
    }
  }
}
