/** What keys mean anywhere on the checkpoint page. */
import type { TabId } from '../../state/viewState';

/** Ctrl+F, Cmd+F and, outside of text fields, a slash: find. */
export function onFindKey(find: () => void): void {
  document.addEventListener('keydown', (event) => {
    const isFind = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'f';
    const target = event.composedPath()[0] as Element;
    const isTyping = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
    const isSlash = event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isFind && !isSlash) return;
    event.preventDefault();
    find();
  });
}

const ownFilters: Partial<Record<TabId, string>> = {
  metadata: '[data-testid="metadata-filter"]',
  config: '[data-testid="config-filter"]',
  tokenizer: '.tokens [data-testid="array-search"]',
};

/** Moves the focus to the filter of a tab that has its own; false when it has none. */
export function focusOwnFilter(tab: TabId): boolean {
  const selector = ownFilters[tab];
  const filter = selector === undefined ? null : document.querySelector<HTMLElement>(selector);
  filter?.focus();
  return filter !== null;
}
