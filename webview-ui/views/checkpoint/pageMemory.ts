/** What the page remembers while it is hidden, moved or reloaded: changed here, written a moment later. */
import type { CheckpointSession } from '../../state/session';
import type { StateKeeper } from '../../state/stateKeeper';
import { restoreViewState, type ViewState } from '../../state/viewState';

/** Statistics of checkpoints up to this many tensors are kept too; of larger ones the host has them. */
const savedStatsLimit = 3000;
const saveDelayMs = 250;

export class PageMemory {
  state: ViewState;
  /** Whether it was there already when the page came up: then what was on show is shown again. */
  readonly hasSaved: boolean;
  private timer = 0;

  constructor(
    private readonly keeper: StateKeeper,
    /** The checkpoint that is open. */
    private readonly session: () => CheckpointSession | undefined,
  ) {
    const saved = keeper.getState();
    this.hasSaved = saved !== undefined && saved !== null;
    this.state = restoreViewState(saved);
  }

  /** Takes changes over and returns what has really changed. */
  patch(change: Partial<ViewState>): readonly (keyof ViewState)[] {
    const keys = (Object.keys(change) as (keyof ViewState)[]).filter(
      (key) => this.state[key] !== change[key],
    );
    if (keys.length === 0) return keys;
    this.state = { ...this.state, ...change };
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.save(), saveDelayMs);
    return keys;
  }

  /** Writes the state now, with the figures that are known. */
  save(): void {
    const session = this.session();
    if (session) {
      const { stats, catalogue } = session;
      const isKept = stats.known > 0 && stats.count <= savedStatsLimit;
      this.state = {
        ...this.state,
        stats: isKept ? { generation: catalogue.generation, rows: stats.save() } : undefined,
      };
    }
    this.keeper.setState(this.state);
  }
}
