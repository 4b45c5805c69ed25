/** What the views of an opened checkpoint need of the page. */
import type { ViewState } from '../state/viewState';

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
