/** The row of tabs. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Sidecar } from '../../../src/protocol/engineApi';
import { isImportanceMatrix } from '../../../src/protocol/importanceApi';
import { formatInteger } from '../../state/format';
import type { MetadataSection } from '../../state/metadataRows';
import type { CheckpointSession } from '../../state/session';
import type { TokenizerSummary } from '../../state/tokenizer';
import type { TabId } from '../../state/viewState';

export interface Tab {
  readonly id: TabId;
  readonly title: string;
  readonly count?: number | undefined;
}

/** What decides which tabs there are. */
export interface TabContent {
  readonly session: CheckpointSession;
  readonly metadata: readonly MetadataSection[];
  readonly tokenizer: TokenizerSummary | undefined;
  readonly sidecars: readonly Sidecar[];
}

/** The tabs that have something to show. */
export function tabsOf({ session, metadata, tokenizer, sidecars }: TabContent): readonly Tab[] {
  const { catalogue, findings } = session;
  const entries = metadata.reduce((sum, section) => sum + section.rows.length, 0);
  const when = <T>(condition: boolean, tab: T): readonly T[] => (condition ? [tab] : []);
  const isMatrix = isImportanceMatrix(catalogue);
  const isModel = catalogue.tensors.count > 0 && !isMatrix;
  return [
    ...when(isMatrix, { id: 'importance' as const, title: 'Importance' }),
    { id: 'tensors', title: 'Tensors', count: catalogue.tensors.count },
    ...when(catalogue.tensors.count > 0, { id: 'outliers' as const, title: 'Outliers' }),
    ...when(isModel, { id: 'sensitivity' as const, title: 'Sensitivity' }),
    ...when(isModel, { id: 'memory' as const, title: 'Memory' }),
    ...when(entries > 0, { id: 'metadata' as const, title: 'Metadata', count: entries }),
    ...when(tokenizer !== undefined, { id: 'tokenizer' as const, title: 'Tokenizer' }),
    ...when(sidecars.length > 0, { id: 'config' as const, title: 'Config', count: sidecars.length }),
    ...when(catalogue.graph !== undefined, { id: 'graph' as const, title: 'Graph' }),
    ...when(findings.length > 0, {
      id: 'findings' as const,
      title: 'Findings',
      count: findings.length,
    }),
  ];
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
