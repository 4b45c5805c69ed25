/** What the parts of the Sensitivity tab know of the tab around them. */
import type { SensitivityState } from '../../state/sensitivityState';

export interface SensitivityTab {
  readonly state: SensitivityState;
  patch(change: Partial<SensitivityState>): void;
  announce(text: string): void;
  requestRender(): void;
  /** Shows what went wrong; '' takes it away. */
  tell(problem: string): void;
  /** Compares what is missing, where a comparison was asked for before. */
  refill(): void;
}
