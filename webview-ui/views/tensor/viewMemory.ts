/** Keeps what a viewer shows while its page is hidden, moved or reloaded. */
import type { TensorViewState } from '../../../src/protocol/tensorViewApi';
import type { StateKeeper } from '../../state/stateKeeper';
import { restoreView, type SavedView } from './viewChoices';

export class ViewMemory {
  private kept: TensorViewState | undefined;

  constructor(private readonly keeper: StateKeeper) {}

  /** What was shown of a tensor of this shape. `kept` is what VS Code gave the host. */
  restore(kept: TensorViewState, shape: readonly number[]): SavedView | undefined {
    this.kept = kept;
    // The page's own state is newer.
    return restoreView((this.keeper.getState() as TensorViewState | undefined)?.view ?? kept.view, shape);
  }

  /** Does nothing before the host said which tensor it is. */
  save(view: SavedView): void {
    if (this.kept) this.keeper.setState({ ...this.kept, view } satisfies TensorViewState);
  }
}
