/** A progress line on stderr, drawn only on a terminal, so that logs and pipes stay clean. */
import { printable } from './textTable';

const barWidth = 24;
const redrawIntervalMs = 80;

export class TerminalProgress {
  private drawn = false;
  private lastDrawMs = 0;

  constructor(
    private readonly title: string,
    private readonly stream: NodeJS.WriteStream = process.stderr,
  ) {}

  /** `fraction` is 0..1. */
  update(fraction: number, text: string): void {
    const now = Date.now();
    if (!this.stream.isTTY || now - this.lastDrawMs < redrawIntervalMs) return;
    this.lastDrawMs = now;
    this.drawn = true;
    const filled = Math.round(Math.min(1, Math.max(0, fraction)) * barWidth);
    const line = `${this.title} ${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${printable(text)}`;
    this.stream.write(`\r\x1b[K${line.slice(0, Math.max(20, this.stream.columns - 1))}`);
  }

  /** A line of its own, on terminals and in logs alike. */
  message(text: string): void {
    this.end();
    this.stream.write(`${printable(text)}\n`);
  }

  /** Clears the line. */
  end(): void {
    if (this.drawn) this.stream.write('\r\x1b[K');
    this.drawn = false;
  }
}
