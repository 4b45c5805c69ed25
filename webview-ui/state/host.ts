/** The page's end of the conversation with the extension host. */

import { type Handlers, Rpc, type RpcMessage } from '../../src/protocol/rpc';
import type { CheckpointHostContract, CheckpointPageContract } from '../../src/protocol/webviewApi';

export interface PageHost {
  readonly rpc: Rpc<CheckpointPageContract, CheckpointHostContract>;
  readState(): unknown;
  writeState(state: unknown): void;
}

/** Connects to VS Code. To be called once: the API can be acquired only once a page. */
export function connectToHost(handlers: Handlers<CheckpointPageContract>): PageHost {
  const api = acquireVsCodeApi();
  const rpc = new Rpc<CheckpointPageContract, CheckpointHostContract>(
    {
      post: (message) => api.postMessage(message),
      onMessage: (listener) =>
        window.addEventListener('message', (event: MessageEvent<RpcMessage>) => {
          if (typeof event.data?.kind === 'string') listener(event.data);
        }),
    },
    handlers,
  );
  return { rpc, readState: () => api.getState(), writeState: (state) => api.setState(state) };
}
