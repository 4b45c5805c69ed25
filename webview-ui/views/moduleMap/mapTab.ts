/** What the tabs with a map do alike: the split with the details beside, open rows, and where the focus goes. */
import { html, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { formatInteger } from '../../state/format';
import type { PageContext } from '../pageContext';
import '../splitPane';

/** The open rows as a set that stays the same as long as the list does. */
export class OpenKeys {
  private list: readonly string[] = [];
  private set: ReadonlySet<string> = new Set();

  of(list: readonly string[]): ReadonlySet<string> {
    if (this.list !== list) {
      this.list = list;
      this.set = new Set(list);
    }
    return this.set;
  }
}

/** The keys with one more, or without it. */
export function toggled(open: readonly string[], key: string): readonly string[] {
  return open.includes(key) ? open.filter((other) => other !== key) : [...open, key];
}

/** What a screen reader hears of a row that was opened or closed. */
export function toggledWords(
  row: { readonly label: string; readonly children: readonly unknown[] },
  wasOpen: boolean,
): string {
  const rows = `${formatInteger(row.children.length)} ${row.children.length === 1 ? 'row' : 'rows'}`;
  return `${row.label} ${wasOpen ? 'closed' : `opened to ${rows}`}.`;
}

/** Moves the focus to what is not rendered yet. */
export function focusOnceShown(selector: string): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => document.querySelector<HTMLElement>(selector)?.focus()),
  );
}

export interface MapTabParts {
  readonly testId: string;
  readonly content: TemplateResult;
  readonly details: TemplateResult;
  /** Selects the map or the table: Escape leads there from the details. */
  readonly back: string;
}

/** The tab with the details of what is chosen beside or below it. */
export function mapTab(page: PageContext, { testId, content, details, back }: MapTabParts): TemplateResult {
  const { paneBeside, paneBelow } = page.state;
  const onDetailsKey = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    document.querySelector<HTMLElement>(back)?.focus();
  };
  // Another tab begins anew: it does not take over how far this one's details were scrolled.
  return html`${keyed(
    testId,
    html`<tl-split
    class="split"
    .beside=${paneBeside}
    .below=${paneBelow}
    .onResized=${(beside: number, below: number) => page.patch({ paneBeside: beside, paneBelow: below })}
  >
    <div class="first map-pane" data-testid=${testId}>${content}</div>
    <div class="sash" role="separator" tabindex="0" aria-label="Size of the details"></div>
    <section class="second" aria-label="Details" data-testid="details-pane" @keydown=${onDetailsKey}>
      ${details}
    </section>
  </tl-split>`,
  )}`;
}
