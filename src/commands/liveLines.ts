/** Newer lines for an open quick pick, as more about them gets known. */
import type { QuickPick, QuickPickItem } from 'vscode';

/** As much of a quick pick as is needed. */
type List<Line extends QuickPickItem> = Pick<
  QuickPick<Line>,
  'items' | 'activeItems' | 'value' | 'onDidChangeActive' | 'onDidChangeValue'
>;

/** Nothing changes under the hands: so long nobody may have moved or typed before lines are exchanged. */
const quietMs = 400;
/** A screen reader reads the line that is active again after each exchange. */
const spacingMs = 1500;

/** So long the echo of an exchange may take. */
const echoMs = 3000;

/**
 * Exchanges the lines of a list for others that say more. VS Code begins at the first line again when it gets lines, so lines
 * wait until nobody has moved or typed for a while, and then the same line is active as before. Whoever
 * moves while an exchange is on its way is brought back to where they went. What arrives meanwhile takes the place of what waits.
 */
export class LiveLines<Line extends QuickPickItem> {
  private waiting: readonly Line[] | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private touchedMs = Number.NEGATIVE_INFINITY;
  private shownMs = Number.NEGATIVE_INFINITY;
  /** Of an exchange whose echo has not come: the line that it makes active, and where somebody went before it took place. */
  private underWay: { readonly expected: Line | undefined; moved?: Line } | undefined;

  constructor(
    private readonly list: List<Line>,
    /** Whether two lines stand for the same. */
    private readonly isSame: (one: Line, other: Line) => boolean,
  ) {
    const touched = () => {
      this.touchedMs = performance.now();
    };
    list.onDidChangeActive(([active]) => {
      touched();
      if (active) this.follow(active);
    });
    list.onDidChangeValue(() => {
      touched();
      this.underWay = undefined;
    });
  }

  /**
   * VS Code tells of the first line and then of the one that was made active once it has exchanged the lines; another
   * line before that is where somebody went meanwhile.
   */
  private follow(active: Line): void {
    const { underWay } = this;
    if (!underWay) return;
    if (performance.now() - this.shownMs > echoMs) this.underWay = undefined;
    else if (underWay.expected && this.isSame(active, underWay.expected)) {
      this.underWay = undefined;
      if (underWay.moved) this.list.activeItems = [underWay.moved];
    } else if (active !== this.firstFound(this.list.items)) underWay.moved = active;
  }

  private firstFound(lines: readonly Line[]): Line | undefined {
    return lines.find((line) => !isSeparator(line) && isFound(line, this.list.value));
  }

  /** Shows them now or soon. Lines that stand for others than those that are there are shown only while the first is active. */
  offer(lines: readonly Line[]): void {
    this.waiting = lines;
    this.schedule();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.waiting = undefined;
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const now = performance.now();
    const due = Math.max(this.touchedMs + quietMs, this.shownMs + spacingMs);
    if (now >= due) this.exchange();
    else this.timer = setTimeout(() => this.schedule(), due - now);
  }

  private exchange(): void {
    const lines = this.waiting;
    if (!lines) return;
    this.waiting = undefined;
    const { items, activeItems } = this.list;
    const [active] = activeItems;
    const isAtFirst = active === undefined || active === this.firstFound(items);
    const next = isAtFirst ? undefined : lines.find((line) => this.isSame(line, active));
    if (!isAtFirst && !next) return;
    this.shownMs = performance.now();
    this.list.items = lines;
    if (next) this.list.activeItems = [next];
    this.underWay = { expected: next ?? this.firstFound(lines) };
  }
}

/** `QuickPickItemKind.Separator`, without VS Code at hand. */
const isSeparator = ({ kind }: QuickPickItem): boolean => kind === -1;

/** Whether a line is among those that are shown for a text, as nearly as can be told from here. */
function isFound({ label, detail = '' }: QuickPickItem, typed: string): boolean {
  return `${label}\n${detail}`.toLowerCase().includes(typed.toLowerCase());
}
