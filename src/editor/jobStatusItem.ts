/** The jobs of this window in the status bar: the oldest one's name, per cent and time left. A click leads to all of them. */
import * as vscode from 'vscode';
import { jobDetail, jobName, statusBarText } from './jobText';
import type { JobTracker } from './jobTracker';

export class JobStatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly stop: () => void;
  private lastMs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly tracker: JobTracker,
    command: string,
  ) {
    this.item = vscode.window.createStatusBarItem('tensorLoupe.jobs', vscode.StatusBarAlignment.Left, 0);
    this.item.name = 'Tensor Loupe Jobs';
    this.item.command = command;
    this.stop = tracker.onDidChange(() => this.schedule());
  }

  dispose(): void {
    this.stop();
    clearTimeout(this.timer);
    this.item.dispose();
  }

  /** A few times a second at most: numbers that flicker cannot be read. */
  private schedule(): void {
    const wait = this.tracker.jobs.length === 0 ? 0 : this.lastMs + 250 - Date.now();
    clearTimeout(this.timer);
    if (wait <= 0) this.update();
    else this.timer = setTimeout(() => this.update(), wait);
  }

  private update(): void {
    this.lastMs = Date.now();
    const { jobs } = this.tracker;
    const text = statusBarText(jobs);
    if (text === undefined) {
      this.item.hide();
      return;
    }
    this.item.text = text;
    const lines = jobs.map((job) => `Quantizing ${jobName(job)}: ${jobDetail(job)}`);
    this.item.tooltip = [...lines, '', 'Click to cancel or show them.'].join('\n');
    this.item.accessibilityInformation = { label: `Tensor Loupe. ${lines.join('. ')}`, role: 'button' };
    this.item.show();
  }
}
