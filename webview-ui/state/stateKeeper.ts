/** Where a page keeps what is to survive a reload; what `acquireVsCodeApi()` gives fits. */
export interface StateKeeper {
  getState(): unknown;
  setState(state: unknown): void;
}
