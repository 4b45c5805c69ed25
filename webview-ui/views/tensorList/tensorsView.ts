/** The Tensors tab: filter and buttons, the table, and the details of what is selected. */
import '@vscode-elements/elements/dist/vscode-button/index.js';
import type { VscodeContextMenu } from '@vscode-elements/elements/dist/vscode-context-menu/index.js';
import '@vscode-elements/elements/dist/vscode-context-menu/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import '@vscode-elements/elements/dist/vscode-textfield/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import { isImportanceMatrix } from '../../../src/protocol/importanceApi';
import { formatInteger } from '../../state/format';
import type { CheckpointSession } from '../../state/session';
import { type ColumnId, isShown, nextSort, tableColumns } from '../../state/tableColumns';
import type { TableRows } from '../../state/tableModel';
import { analysisProgress } from '../analysisProgress';
import { emptyDetails, groupDetails, tensorDetails } from '../details/detailsView';
import { SelectedTensor } from '../details/selectedTensor';
import { closeIcon } from '../icons';
import type { PageContext } from '../pageContext';
import { SchemeBytesCard } from '../schemeBytes/schemeBytesCard';
import { ColumnChooser } from './columnChooser';
import { type RowMenuItem, rowMenuItems } from './rowMenu';
import '../splitPane';
import { TensorTable } from './tensorTable';

export class TensorsView {
  private readonly table: TensorTable;
  private readonly lastColumns = { key: '', columns: tableColumns };
  private foldedOf: { list: readonly string[]; set: ReadonlySet<string> } = { list: [], set: new Set() };
  private lastRows: { key: string; rows: TableRows } | undefined;
  private readonly selected: SelectedTensor;
  private readonly chooser: ColumnChooser;
  private readonly card: SchemeBytesCard;
  private selectedGroup: number | undefined;
  private menuItems: readonly RowMenuItem[] = [];

  constructor(
    private readonly session: CheckpointSession,
    private readonly page: PageContext,
  ) {
    this.selected = new SelectedTensor(session, page);
    this.chooser = new ColumnChooser(page);
    this.card = new SchemeBytesCard(session, (text) => page.announce(text));
    this.table = new TensorTable(session, {
      select: (tensor) => this.select(tensor),
      selectGroup: (group) => {
        this.selectedGroup = group;
        this.page.announce(this.table.describe(~group));
        this.page.requestRender();
      },
      sort: (id) => this.sort(id),
      fold: (groups, folded) => this.fold(groups, folded),
      enter: () => this.focusDetails(),
      view: (tensor) => this.page.viewTensor(tensor),
      copyName: (entry) => this.copyName(entry),
      focusFilter: () => this.focusFilter(),
      menu: (entry, x, y) => this.openMenu(entry, x, y),
      rest: (entry, row, x) => {
        if (entry === undefined || !row) this.card.leave();
        else this.card.rest(entry, row, x);
      },
      tellBytes: (entry, row) => void this.card.tell(entry, row),
      moved: () => {
        if (this.card.isShown) this.card.hide();
      },
      scrolled: (scrollTop) => this.page.patch({ scrollTop }),
    });
    this.table.restoreScroll(page.state.scrollTop);
    const index =
      page.state.selected === undefined ? -1 : session.catalogue.tensors.names.indexOf(page.state.selected);
    if (index >= 0) this.selected.read(index);
  }

  dispose(): void {
    this.selected.dispose();
    this.card.hide();
    this.table.dispose();
  }

  /** After the tab was hidden, which loses the scroll position. */
  shown(): void {
    this.table.restoreScroll(this.page.state.scrollTop);
    // Another tab may have selected another tensor.
    const { selected } = this.page.state;
    const { names } = this.session.catalogue.tensors;
    const { index } = this.selected;
    if (selected === undefined || (index !== undefined && names[index] === selected)) return;
    const tensor = names.indexOf(selected);
    if (tensor >= 0) requestAnimationFrame(() => this.select(tensor, true));
  }

  focusFilter(): void {
    const filter = document.querySelector<HTMLElement>('[data-testid="filter"]');
    filter?.focus();
    filter?.shadowRoot?.querySelector('input')?.select();
  }

  focusTable(): void {
    this.table.element.focus();
  }

  /** Selects a tensor; with `reveal` also shows its row, unfolding its groups. */
  select(tensor: number, reveal = false): void {
    const { tensors } = this.session.catalogue;
    this.selectedGroup = undefined;
    if (reveal) this.unfoldAround(tensor);
    if (this.selected.index !== tensor) {
      this.page.announce(this.table.describe(tensor));
      this.selected.read(tensor);
    }
    this.page.patch({ selected: tensors.names[tensor] });
    if (reveal) {
      this.updateTable();
      this.table.reveal(tensor);
    }
  }

  render(): TemplateResult {
    const { session } = this;
    if (session.catalogue.tensors.count === 0) return this.emptyModel();
    const rows = this.updateTable();
    const { paneBeside, paneBelow } = this.page.state;
    return html`<tl-split
      class="split"
      .beside=${paneBeside}
      .below=${paneBelow}
      .onResized=${(beside: number, below: number) => this.page.patch({ paneBeside: beside, paneBelow: below })}
    >
      <div class="first">
        ${this.toolbar(rows)} ${this.filterNotes(rows)} ${this.table.element} ${this.card.element}
        <vscode-context-menu
          class="row-menu"
          data-testid="row-menu"
          @vsc-context-menu-select=${(event: CustomEvent<{ value: string }>) => {
            this.menuItems.find((item) => item.value === event.detail.value)?.run?.();
            this.focusTable();
          }}
          @keydown=${(event: KeyboardEvent) => {
            if (event.key === 'Escape') this.focusTable();
          }}
        ></vscode-context-menu>
      </div>
      <div class="sash" role="separator" tabindex="0" aria-label="Size of the details"></div>
      <section class="second" aria-label="Details" data-testid="details-pane" @keydown=${this.onDetailsKey}>
        ${this.renderDetails()}
      </section>
    </tl-split>`;
  }

  private emptyModel(): TemplateResult {
    const entries = this.session.catalogue.metadata.length;
    return html`<div class="centre" data-testid="no-tensors">
      <h2>No tensors</h2>
      <p class="quiet">
        The file is well-formed and holds no tensor${entries > 0 ? `, only ${formatInteger(entries)} metadata entries` : ''}.
      </p>
      ${
        entries > 0
          ? html`<vscode-button secondary @click=${() => this.page.patch({ tab: 'metadata' })}>Show Metadata</vscode-button>`
          : nothing
      }
    </div>`;
  }

  private toolbar(rows: TableRows): TemplateResult {
    const { session, page } = this;
    const { filter } = page.state;
    const { count } = session.catalogue.tensors;
    const complete = session.stats.known >= count;
    return html`<div class="toolbar">
      <vscode-textfield
        class="filter"
        data-testid="filter"
        placeholder="Filter: name, dtype:BF16, shape:256, kurtosis:>10"
        .label=${'Filter tensors. Words, globs, dtype:, shape:, name:, bytes:, absmax:, kurtosis:, crest:, skew:, entropy:, >6s:'}
        .value=${filter}
        @input=${(event: Event) => page.patch({ filter: (event.target as HTMLInputElement).value })}
        @keydown=${this.onFilterKey}
      >
        ${
          filter === ''
            ? nothing
            : html`<span slot="content-after" class="filter-after">
                <span class="quiet" data-testid="match-count">${formatInteger(rows.matches)} of ${formatInteger(count)}</span>
                <button type="button" class="icon-button" title="Clear the filter" aria-label="Clear the filter" @click=${() => {
                  page.patch({ filter: '' });
                  this.focusFilter();
                }}>${closeIcon()}</button>
              </span>`
        }
      </vscode-textfield>
      <div class="toolbar-menu">
        <vscode-button
          secondary
          data-testid="columns"
          aria-haspopup="dialog"
          aria-expanded=${this.chooser.isOpen}
          @click=${() => this.chooser.toggle(!this.chooser.isOpen)}
          >Columns</vscode-button
        >
        ${this.chooser.render()}
      </div>
      ${
        session.analysis
          ? analysisProgress(session)
          : html`<vscode-button
              secondary
              data-testid="analyze-all"
              ?disabled=${complete}
              title=${complete ? 'Every tensor is analyzed' : 'Read the statistics of every tensor'}
              @click=${() => page.analyzeAll()}
              >${complete ? 'Analyzed' : 'Analyze all'}</vscode-button
            >`
      }
      ${
        isImportanceMatrix(session.catalogue)
          ? nothing
          : html`<vscode-button
            data-testid="quantize"
            ?disabled=${!session.trusted}
            title=${session.trusted ? 'Write a quantized copy' : 'Quantizing writes files: trust the workspace first'}
            @click=${() => page.quantize()}
            >Quantize…</vscode-button
          >`
      }
    </div>`;
  }

  /** What the filter box holds that was not understood, or that waits for an analysis. */
  private filterNotes(rows: TableRows): TemplateResult | typeof nothing {
    const { problems, needsStatistics } = rows.query;
    const { stats, catalogue, analysis } = this.session;
    const unknown = needsStatistics ? catalogue.tensors.count - stats.known : 0;
    if (problems.length === 0 && unknown === 0) return nothing;
    return html`<div class="filter-notes small" role="status" data-testid="filter-notes">
      ${problems.map((problem) => html`<p class="problem"><span class="mono">${problem.part}</span> is left out: ${problem.message}</p>`)}
      ${
        unknown > 0
          ? html`<p class="quiet">
              ${formatInteger(unknown)} of ${formatInteger(catalogue.tensors.count)} tensors are not analyzed yet and left out.
              ${analysis ? nothing : html`<button type="button" class="link" @click=${() => this.page.analyzeAll()}>Analyze all</button>`}
            </p>`
          : nothing
      }
    </div>`;
  }

  private renderDetails(): TemplateResult {
    if (this.selectedGroup !== undefined) {
      return groupDetails(this.session, this.selectedGroup, this.page.state.filter, (tensor) =>
        this.select(tensor, true),
      );
    }
    const tensor = this.selected.index;
    if (tensor === undefined) return emptyDetails(this.session, (tensor) => this.select(tensor, true));
    return tensorDetails(this.session, tensor, this.selected.details, {
      copy: (text) => this.page.copy(text),
      announce: (text) => this.page.announce(text),
      retry: () => this.selected.read(tensor),
      view: (index) => this.page.viewTensor(index),
    });
  }

  private updateTable(): TableRows {
    const { session, page } = this;
    const { filter, sort, grouped, folded, hiddenColumns, extraColumns, showStatistics } = page.state;
    if (this.foldedOf.list !== folded) this.foldedOf = { list: folded, set: new Set(folded) };
    // Which tensors match and in what order may hang on figures that are still coming in.
    const statistics =
      tableColumns.some((column) => column.id === sort?.column && column.statistics) ||
      this.lastRows?.rows.query.needsStatistics;
    const key = JSON.stringify([filter, sort, grouped, folded, statistics ? session.stats.version : 0]);
    if (this.lastRows?.key !== key) {
      this.lastRows = { key, rows: session.table.rows({ filter, sort, grouped, folded: this.foldedOf.set }) };
    }
    const { rows } = this.lastRows;
    const columnsKey = `${hiddenColumns.join()} ${extraColumns.join()} ${showStatistics}`;
    if (this.lastColumns.key !== columnsKey) {
      this.lastColumns.key = columnsKey;
      this.lastColumns.columns = tableColumns.filter(
        (column) => isShown(column, page.state) && (!column.statistics || showStatistics),
      );
    }
    this.table.setEmptyText(rows.query.parts.length > 0 ? 'No tensor matches the filter.' : '');
    this.table.update({
      rows,
      columns: this.lastColumns.columns,
      sort,
      filter,
      folded: this.foldedOf.set,
      totals: rows.grouped ? session.table.groupTotals(filter) : [],
      selected: this.selectedGroup === undefined ? this.selected.index : ~this.selectedGroup,
    });
    return rows;
  }

  private sort(id: ColumnId): void {
    const sort = nextSort(this.page.state.sort, id);
    this.page.patch({ sort });
    const column = tableColumns.find((candidate) => candidate.id === id)!;
    this.page.announce(
      sort
        ? `Sorted by ${column.description}, ${sort.direction}. All tensors in one list.`
        : `In model order${this.page.state.grouped ? ', grouped by module' : ''}.`,
    );
  }

  private fold(groups: readonly number[], folded: boolean): void {
    const keys = new Set(this.page.state.folded);
    for (const group of groups) {
      const { key } = this.session.table.tree.groups[group]!;
      if (folded) keys.add(key);
      else keys.delete(key);
    }
    this.page.patch({ folded: [...keys] });
    if (groups.length === 1) {
      this.page.announce(
        `${this.session.table.tree.groups[groups[0]!]!.key} ${folded ? 'folded' : 'unfolded'}.`,
      );
    }
  }

  private unfoldAround(tensor: number): void {
    const { tree } = this.session.table;
    const around: number[] = [];
    for (let group = tree.groupOf[tensor]!; group >= 0; group = tree.groups[group]!.parent)
      around.push(group);
    if (around.some((group) => this.page.state.folded.includes(tree.groups[group]!.key)))
      this.fold(around, false);
    const rows = this.updateTable();
    if (rows.rows.indexOf(tensor) < 0) this.page.patch({ filter: '' });
  }

  private copyName(entry: number): void {
    const { table, catalogue } = this.session;
    this.page.copy(entry < 0 ? table.tree.groups[~entry]!.key : catalogue.tensors.names[entry]!);
  }

  private focusDetails(): void {
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.second h2')?.focus());
  }

  private openMenu(entry: number, x: number, y: number): void {
    const menu = document.querySelector<VscodeContextMenu>('.row-menu');
    if (!menu) return;
    const items = rowMenuItems(this.session, entry, {
      copy: (text) => this.page.copy(text),
      view: (tensor) => this.page.viewTensor(tensor),
      filter: (text) => this.page.patch({ filter: text }),
      fold: (groups, folded) => this.fold(groups, folded),
      reveal: (file) => this.page.reveal(file),
      exportTensors: () => this.page.exportTensors(),
    });
    this.menuItems = items;
    menu.data = items.map(({ run, ...item }) => item) as typeof menu.data;
    const { style } = menu;
    style.left = `${Math.min(x, window.innerWidth - 260)}px`;
    style.top = `${Math.min(y, window.innerHeight - items.length * 26 - 16)}px`;
    menu.show = true;
  }

  private readonly onFilterKey = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && this.page.state.filter !== '') this.page.patch({ filter: '' });
    else if (event.key === 'ArrowDown' || event.key === 'Enter') this.focusTable();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private readonly onDetailsKey = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    this.focusTable();
  };
}
