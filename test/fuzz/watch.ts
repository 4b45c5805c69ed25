/** What the fuzzer's two threads share. */

export const layout = {
  /** Words before the current input's bytes. */
  words: 4,
  executions: 0,
  length: 1,
  target: 2,
} as const;

export const sharedBytes = layout.words * 4 + 65_536;

export interface WorkerOptions {
  readonly shared: SharedArrayBuffer;
  readonly seed: number;
  readonly minutes: number;
  /** Part of the time that goes into looking for inputs that reach new code. */
  readonly exploreShare: number;
  /** One reader only. */
  readonly target: string | undefined;
  /** Folder with a folder of inputs for each reader. */
  readonly corpus: string;
  /** Whether inputs that reach new code are written there. */
  readonly keep: boolean;
  readonly keptBytes: number;
  readonly keptFiles: number;
}

export type FromWorker =
  | {
      readonly kind: 'explored';
      readonly target: string;
      readonly executions: number;
      readonly found: number;
    }
  | { readonly kind: 'slice'; readonly target: string; readonly executions: number }
  | { readonly kind: 'fault'; readonly target: string; readonly fault: string; readonly bytes: Uint8Array };
