/** A page's end of the conversation with the extension host. */
import { type Contract, type Handlers, Rpc, type RpcMessage } from '../../src/protocol/rpc';
import type { StateKeeper } from './stateKeeper';

export interface PageHost<Page extends Contract, Host extends Contract> {
  /** Serves what the host asks of the page, and asks the host. */
  readonly rpc: Rpc<Page, Host>;
  readonly keeper: StateKeeper;
}

/** Connects to VS Code. To be called once: the API can be acquired only once a page. */
export function connectToHost<Page extends Contract, Host extends Contract>(
  handlers: Handlers<Page>,
): PageHost<Page, Host> {
  const api = acquireVsCodeApi();
  const rpc = new Rpc<Page, Host>(
    {
      post: (message) => api.postMessage(message),
      onMessage: (listener) =>
        window.addEventListener('message', (event: MessageEvent<RpcMessage>) => {
          if (typeof event.data?.kind === 'string') listener(event.data);
        }),
    },
    handlers,
  );
  return { rpc, keeper: api };
}
