/** Which pages of a checkpoint are shown, and work that waits while none of them is. */

export class ShownPages {
  private readonly shown = new Map<object, boolean>();
  private readonly waiting: (() => void)[] = [];

  /** `pausesWhenHidden`: whether the user wants work to wait at all. */
  constructor(private readonly pausesWhenHidden: () => boolean) {}

  /** undefined: the page is gone. */
  set(page: object, isShown: boolean | undefined): void {
    if (isShown === undefined) this.shown.delete(page);
    else this.shown.set(page, isShown);
    this.goOn();
  }

  /** Lets paused work go on if it may, after a page was shown or a setting changed. */
  goOn(): void {
    if (this.mustPause) return;
    for (const resume of this.waiting.splice(0)) resume();
  }

  /** Resolves when work may go on; undefined: it may at once. */
  pause(): Promise<void> | undefined {
    if (!this.mustPause) return undefined;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** A page that is shown anywhere counts; without any page nobody has hidden one. */
  private get mustPause(): boolean {
    const pages = [...this.shown.values()];
    return this.pausesWhenHidden() && pages.length > 0 && !pages.includes(true);
  }
}
