/** The row of tabs. */
import { html, nothing, type TemplateResult } from 'lit';
import { formatInteger } from '../state/format';
import type { TabId } from '../state/viewState';

export interface Tab {
  readonly id: TabId;
  readonly title: string;
  readonly count?: number | undefined;
}

/** Arrow keys, Home and End choose a tab, as the ARIA practices ask. */
export function tabBar(tabs: readonly Tab[], selected: TabId, show: (tab: TabId) => void): TemplateResult {
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === selected);
    const target: Readonly<Record<string, number>> = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at + tabs.length - 1) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const next = target[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(tabs[next]!.id);
    document.getElementById(`tab-${tabs[next]!.id}`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label="Views of the checkpoint" @keydown=${move}>
    ${tabs.map(
      (tab) => html`<button
        type="button"
        role="tab"
        id="tab-${tab.id}"
        data-testid="tab-${tab.id}"
        aria-controls="panel"
        aria-selected=${selected === tab.id}
        tabindex=${selected === tab.id ? 0 : -1}
        @click=${() => show(tab.id)}
      >${tab.title}${tab.count === undefined ? nothing : html` <span class="quiet tab-count">${formatInteger(tab.count)}</span>`}</button>`,
    )}
  </div>`;
}

/** Scrolls a tab into view where not all fit. */
export function revealTab(tab: TabId): void {
  document.getElementById(`tab-${tab}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}
