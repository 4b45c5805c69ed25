/** What the views of an opened checkpoint need of the page. */
import type { Rpc } from '../../src/protocol/rpc';
import type { CheckpointHostContract, CheckpointPageContract } from '../../src/protocol/webviewApi';
import type { ViewState } from '../state/viewState';

export type CheckpointRpc = Rpc<CheckpointPageContract, CheckpointHostContract>;

export interface PageContext {
  readonly state: ViewState;
  patch(change: Partial<ViewState>): void;
  requestRender(): void;
  announce(text: string): void;
  copy(text: string): void;
  quantize(): void;
  /** Shows one of the checkpoint's files in the Explorer. */
  reveal(file: number): void;
  exportTensors(): void;
  analyzeAll(): void;
  /** Opens the tensor viewer. */
  viewTensor(tensor: number): void;
}
