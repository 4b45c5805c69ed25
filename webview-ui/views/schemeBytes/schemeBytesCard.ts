/** What shows while the pointer rests on a row of the table, or at a key: the row's bytes under every scheme. */
import { html, render } from 'lit';
import { LoupeError } from '../../../src/protocol/rpc';
import type { SchemeBytes } from '../../../src/protocol/schemeBytesApi';
import { formatBytes, formatExactBytes } from '../../state/format';
import { schemeBytesSentence } from '../../state/schemeBytes';
import type { CheckpointSession } from '../../state/session';
import { schemeBytesTable } from './schemeBytesTable';

/** The pointer rests so long before the card comes, and may leave so long before it goes. */
const [restMs, leaveMs] = [700, 250];
const gap = 2;
/** Between the pointer and a card that has room only beside it. */
const aside = 24;
const margin = 8;

export class SchemeBytesCard {
  readonly element = document.createElement('div');
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Row that it is shown for, or will be. */
  private entry: number | undefined;
  /** A key has asked for it: a pointer that moves, or under which rows move, no longer decides. */
  private isAsked = false;

  constructor(
    private readonly session: CheckpointSession,
    private readonly announce: (text: string) => void,
  ) {
    const { element } = this;
    element.className = 'scheme-bytes-card';
    element.dataset.testid = 'scheme-bytes-card';
    element.setAttribute('role', 'tooltip');
    element.hidden = true;
    element.addEventListener('pointerenter', () => clearTimeout(this.timer));
    element.addEventListener('pointerleave', () => this.leave());
  }

  get isShown(): boolean {
    return !this.element.hidden;
  }

  /** The pointer has moved on a row: `x` from the left of the window. */
  rest(entry: number, row: Element, x: number): void {
    if (this.isAsked) return;
    clearTimeout(this.timer);
    if (entry === this.entry && this.isShown) return;
    this.entry = entry;
    this.timer = setTimeout(() => void this.show(entry, row, x), this.isShown ? leaveMs : restMs);
  }

  /** The pointer is on no row. */
  leave(): void {
    if (this.isAsked) return;
    clearTimeout(this.timer);
    if (this.isShown) this.timer = setTimeout(() => this.hide(), leaveMs);
    else this.entry = undefined;
  }

  hide(): void {
    clearTimeout(this.timer);
    window.removeEventListener('keydown', this.onEscape, true);
    this.entry = undefined;
    this.element.hidden = true;
  }

  /** By a key: shown at once, and said. */
  async tell(entry: number, row: Element): Promise<void> {
    clearTimeout(this.timer);
    this.entry = entry;
    this.isAsked = true;
    const told = await this.show(entry, row, row.getBoundingClientRect().left + 40);
    this.isAsked = false;
    if (told) this.announce(schemeBytesSentence(this.nameOf(entry), told));
  }

  private readonly onEscape = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    this.hide();
  };

  private nameOf(entry: number): string {
    const { catalogue, table } = this.session;
    return entry < 0 ? table.tree.groups[~entry]!.key : catalogue.tensors.names[entry]!;
  }

  private async show(entry: number, row: Element, x: number): Promise<SchemeBytes | undefined> {
    const { session, element } = this;
    let told: SchemeBytes | undefined;
    let problem = '';
    try {
      told = await session.schemeBytes(entry);
    } catch (thrown) {
      problem = LoupeError.from(thrown).message;
    }
    // The pointer has gone on meanwhile.
    if (entry !== this.entry) return undefined;
    const { storedBytes = 0 } = told ?? {};
    render(
      html`<h3>${this.nameOf(entry)}</h3>
        ${
          told
            ? html`<p class="quiet" title=${formatExactBytes(storedBytes)}>${formatBytes(storedBytes)} as it is stored</p>
                ${schemeBytesTable(told, session.catalogue.format === 'gguf')}`
            : html`<p class="quiet">Sizes under other schemes are not known: ${problem}</p>`
        }`,
      element,
    );
    element.hidden = false;
    this.place(row.getBoundingClientRect(), x);
    window.addEventListener('keydown', this.onEscape, true);
    return told;
  }

  /** Below the row where there is room, else above it, else beside the pointer; within the window. */
  private place(row: DOMRect, x: number): void {
    const { style } = this.element;
    const { width, height } = this.element.getBoundingClientRect();
    const below = row.bottom + gap;
    const above = row.top - gap - height;
    const isBelow = below + height + margin <= window.innerHeight;
    const top = isBelow ? below : above;
    // Where neither has room, the card must not lie under the pointer.
    const left = isBelow || above >= margin ? x : x + aside;
    style.left = `${Math.max(margin, Math.min(left, window.innerWidth - width - margin))}px`;
    style.top = `${Math.max(margin, Math.min(top, window.innerHeight - height - margin))}px`;
  }
}
