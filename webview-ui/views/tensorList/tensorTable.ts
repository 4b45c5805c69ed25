/**
 * The table of tensors. Rows have one height; only those on screen exist, and scrolling moves and refills
 * them. One element has the focus and names the active row (aria-activedescendant).
 */
import { formatInteger, formatShape } from '../../state/format';
import type { CheckpointSession } from '../../state/session';
import type { Sort, TableColumn } from '../../state/tableColumns';
import { type GroupTotals, shapeOf, type TableRows } from '../../state/tableModel';
import { type ListGeometry, rowWindow, scrollTopFor } from '../../state/virtualWindow';
import { TableHeader } from './tableHeader';
import { TableRow } from './tableRow';
import { columnTracks } from './tableWidths';

export interface TableEvents {
  /** A tensor was chosen. */
  select(tensor: number): void;
  /** A group's header was chosen. */
  selectGroup(group: number): void;
  sort(id: TableColumn['id']): void;
  /** Folds or unfolds groups. */
  fold(groups: readonly number[], folded: boolean): void;
  /** Enter on a tensor. */
  enter(tensor: number): void;
  /** Double click or V on a tensor. */
  view(tensor: number): void;
  copyName(entry: number): void;
  focusFilter(): void;
  menu(entry: number, x: number, y: number): void;
  /** The pointer is on the name, type, shape or bytes of a row, or no longer. */
  rest(entry: number | undefined, row: Element | undefined, x: number): void;
  /** B on a row: tell its bytes under every scheme. */
  tellBytes(entry: number, row: Element): void;
  /** Rows move, or another one is chosen. */
  moved(): void;
  scrolled(scrollTop: number): void;
}

export interface TableView {
  readonly rows: TableRows;
  readonly columns: readonly TableColumn[];
  readonly sort: Sort | undefined;
  readonly filter: string;
  readonly folded: ReadonlySet<string>;
  readonly totals: readonly GroupTotals[];
  /** Selected tensor or ~group. */
  readonly selected: number | undefined;
}

const rowHeight = 22;
const headerHeight = 26;
/** Columns without a tooltip of their own. */
const restColumns: ReadonlySet<string> = new Set(['name', 'dtype', 'shape', 'bytes']);

export class TensorTable {
  readonly element = document.createElement('div');
  private readonly header: TableHeader;
  private readonly body = document.createElement('div');
  private readonly empty = document.createElement('div');
  private pool: TableRow[] = [];
  private view: TableView | undefined;
  private active = -1;
  private viewportHeight = 0;
  private viewportWidth = 0;
  private restoredScroll: number | undefined;
  private readonly resize: ResizeObserver;

  constructor(
    private readonly session: CheckpointSession,
    private readonly events: TableEvents,
  ) {
    this.header = new TableHeader(
      (id) => events.sort(id),
      () => {
        this.element.focus();
        this.activate(Math.max(0, this.active));
      },
    );
    const { element } = this;
    element.className = 'tensor-table';
    element.dataset.testid = 'tensor-table';
    element.tabIndex = 0;
    element.setAttribute('role', 'treegrid');
    element.setAttribute('aria-label', 'Tensors');
    this.body.className = 'rows';
    this.body.setAttribute('role', 'rowgroup');
    this.empty.className = 'table-empty';
    this.empty.hidden = true;
    element.append(this.header.element, this.body, this.empty);
    element.addEventListener('scroll', () => {
      this.draw(false);
      events.moved();
      events.scrolled(element.scrollTop);
    });
    element.addEventListener('keydown', (event) => this.onKey(event));
    this.body.addEventListener('mousedown', (event) => this.onMouseDown(event));
    this.body.addEventListener('dblclick', (event) => {
      const entry = this.entryAt(event);
      if (entry !== undefined && entry >= 0) events.view(entry);
    });
    this.body.addEventListener('contextmenu', (event) => {
      const entry = this.entryAt(event);
      if (entry === undefined) return;
      event.preventDefault();
      events.menu(entry, event.clientX, event.clientY);
    });
    this.body.addEventListener('pointermove', (event) => this.onPointer(event));
    this.body.addEventListener('pointerleave', () => events.rest(undefined, undefined, 0));
    this.resize = new ResizeObserver(() => this.measure());
    this.resize.observe(element);
  }

  dispose(): void {
    this.resize.disconnect();
  }

  /** Takes the scroll position of an earlier page, as soon as there is room for it. */
  restoreScroll(scrollTop: number): void {
    this.restoredScroll = scrollTop;
  }

  update(view: TableView): void {
    const before = this.view;
    const activeEntry = this.activeEntry;
    this.view = view;
    if (
      before?.columns.map((column) => column.id).join() !== view.columns.map((column) => column.id).join()
    ) {
      this.header.setColumns(view.columns);
      this.setTracks();
      this.body.replaceChildren();
      this.pool = [];
    }
    this.header.setSort(view.sort);
    this.element.setAttribute('aria-rowcount', String(view.rows.rows.length + 1));
    this.element.setAttribute('aria-colcount', String(view.columns.length));
    if (before && before.rows.rows !== view.rows.rows) {
      const wanted = activeEntry ?? view.selected;
      this.active = wanted === undefined ? -1 : view.rows.rows.indexOf(wanted);
    } else if (!before && view.selected !== undefined) this.active = view.rows.rows.indexOf(view.selected);
    this.empty.hidden = view.rows.rows.length > 0;
    this.measure(true);
    // Another order is read from its top; a filter keeps the chosen row in view.
    const isFiltered = before !== undefined && before.filter !== view.filter;
    if (before && (isFiltered || before.sort !== view.sort)) {
      this.element.scrollTop =
        isFiltered && this.active >= 0 ? scrollTopFor(this.active, 0, this.geometry) : 0;
      this.draw(true);
    }
  }

  /** Text for a table without rows. */
  setEmptyText(text: string): void {
    this.empty.textContent = text;
  }

  /** Makes a row active and brings it into view. */
  reveal(entry: number): void {
    const position = this.view?.rows.rows.indexOf(entry) ?? -1;
    if (position >= 0) this.activate(position, false);
  }

  /** What to say about a row to a screen reader. */
  describe(entry: number): string {
    const { table, catalogue } = this.session;
    if (entry < 0) {
      const group = table.tree.groups[~entry]!;
      return `${group.key}, ${formatInteger(group.tensorCount)} tensors`;
    }
    const { tensors } = catalogue;
    return `${tensors.names[entry]}, ${tensors.dtypes[tensors.dtype[entry]!]}, ${formatShape(shapeOf(tensors, entry))}`;
  }

  private get activeEntry(): number | undefined {
    return this.active < 0 ? undefined : this.view?.rows.rows[this.active];
  }

  private get geometry(): ListGeometry {
    return {
      rowCount: this.view?.rows.rows.length ?? 0,
      rowHeight,
      viewportHeight: Math.max(rowHeight, this.viewportHeight - headerHeight),
    };
  }

  private measure(force = false): void {
    const { clientHeight, clientWidth } = this.element;
    const isResized = clientHeight !== this.viewportHeight || clientWidth !== this.viewportWidth;
    if (!isResized && !force) return;
    this.viewportHeight = clientHeight;
    if (clientWidth !== this.viewportWidth) {
      this.viewportWidth = clientWidth;
      this.setTracks();
    }
    this.draw(true);
    if (this.restoredScroll !== undefined && clientHeight > 0) {
      this.element.scrollTop = this.restoredScroll;
      this.restoredScroll = undefined;
      this.draw(true);
    }
  }

  private setTracks(): void {
    if (!this.view) return;
    const { tracks, width, hidesShare } = columnTracks(
      this.element,
      this.view.columns,
      this.session,
      this.viewportWidth,
    );
    this.element.classList.toggle('without-share', hidesShare);
    this.element.style.setProperty('--tracks', tracks);
    this.element.style.setProperty('--table-width', `${width}px`);
  }

  /** Fills the rows on screen; with `all` also those that stand already. */
  private draw(all: boolean): void {
    const { view } = this;
    if (!view || this.viewportHeight === 0) return;
    const { first, end, top, contentHeight } = rowWindow(this.element.scrollTop, this.geometry);
    if (all) this.body.style.height = `${contentHeight}px`;
    this.grow(end - first, view);
    const size = this.pool.length;
    const used = new Uint8Array(size);
    for (let position = first; position < end; position++) {
      const slot = position % size;
      const row = this.pool[slot]!;
      used[slot] = 1;
      row.place(top + (position - first) * rowHeight);
      if (!all && row.position === position) continue;
      const entry = view.rows.rows[position]!;
      row.show({
        entry,
        position,
        selected: entry === view.selected,
        active: position === this.active,
        folded: entry < 0 && view.folded.has(this.session.table.tree.groups[~entry]!.key),
        grouped: view.rows.grouped,
        totals: view.totals,
      });
    }
    for (let slot = 0; slot < size; slot++) if (used[slot] === 0) this.pool[slot]!.hide();
    this.session.prioritize(Array.from(view.rows.rows.slice(first, end)).filter((entry) => entry >= 0));
    const isActiveDrawn = this.active >= first && this.active < end;
    if (isActiveDrawn) {
      this.element.setAttribute('aria-activedescendant', this.pool[this.active % size]!.element.id);
    } else this.element.removeAttribute('aria-activedescendant');
  }

  private grow(count: number, view: TableView): void {
    if (this.pool.length >= count) return;
    // A row's slot is its position modulo the pool's size: another size moves every row.
    for (const row of this.pool) row.hide();
    while (this.pool.length < count + 4) {
      const row = new TableRow(this.pool.length, view.columns, this.session);
      this.pool.push(row);
      this.body.append(row.element);
    }
  }

  private activate(position: number, choose = true): void {
    const { view } = this;
    if (!view || view.rows.rows.length === 0) return;
    this.active = Math.max(0, Math.min(view.rows.rows.length - 1, position));
    this.element.scrollTop = scrollTopFor(this.active, this.element.scrollTop, this.geometry);
    this.draw(true);
    if (!choose) return;
    const entry = view.rows.rows[this.active]!;
    if (entry >= 0) this.events.select(entry);
    else this.events.selectGroup(~entry);
  }

  private toggle(group: number, folded?: boolean): void {
    const isFolded = this.view!.folded.has(this.session.table.tree.groups[group]!.key);
    if (folded === undefined || folded !== isFolded) this.events.fold([group], folded ?? !isFolded);
  }

  private entryAt(event: Event): number | undefined {
    const element = (event.target as Element).closest('.row');
    const row = this.pool.find((candidate) => candidate.element === element);
    return row && row.position >= 0 ? this.view?.rows.rows[row.position] : undefined;
  }

  private onPointer(event: PointerEvent): void {
    const cell = (event.target as Element).closest<HTMLElement>('.cell');
    const entry = event.pointerType === 'touch' ? undefined : this.entryAt(event);
    if (entry === undefined || !restColumns.has(cell?.dataset.column ?? ''))
      this.events.rest(undefined, undefined, 0);
    else this.events.rest(entry, cell!.closest('.row')!, event.clientX);
  }

  private onMouseDown(event: MouseEvent): void {
    const entry = this.entryAt(event);
    this.events.moved();
    this.events.rest(undefined, undefined, 0);
    if (entry === undefined || event.button === 1) return;
    this.activate(this.view!.rows.rows.indexOf(entry));
    if (entry < 0 && event.button === 0) this.toggle(~entry);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target !== this.element || !this.view) return;
    const { rows } = this.view.rows;
    const entry = this.activeEntry;
    const page = Math.max(1, Math.floor(this.geometry.viewportHeight / rowHeight) - 1);
    const moves: Record<string, number> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active < 0 ? 0 : this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: rows.length - 1,
    };
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const move = moves[event.key];
    if (move !== undefined) this.events.moved();
    if (move !== undefined && !event.altKey) this.activate(move);
    else if (isPlain && (event.key === 'ArrowLeft' || event.key === 'ArrowRight'))
      this.step(event.key, entry);
    else if (isPlain && (event.key === 'Enter' || event.key === ' ')) {
      if (entry === undefined) this.activate(0);
      else if (entry < 0) this.toggle(~entry);
      else if (event.key === 'Enter') this.events.enter(entry);
    } else if (isPlain && event.key.toLowerCase() === 'v' && entry !== undefined && entry >= 0) {
      this.events.view(entry);
    } else if (isPlain && event.key.toLowerCase() === 'b' && entry !== undefined) {
      this.events.tellBytes(entry, this.pool[this.active % this.pool.length]!.element);
    } else if (event.key === '*' && isPlain) {
      this.events.fold([...this.session.table.tree.groups.keys()], false);
    } else if (event.key === '/' && isPlain) this.events.focusFilter();
    else if (
      entry !== undefined &&
      event.key.toLowerCase() === 'c' &&
      !event.altKey &&
      (isPlain || getSelection()?.isCollapsed !== false)
    ) {
      this.events.copyName(entry);
    } else if (
      (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) &&
      entry !== undefined
    ) {
      const box = this.pool[this.active % this.pool.length]!.element.getBoundingClientRect();
      this.events.menu(entry, box.left + 40, box.bottom);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Left folds or goes to the enclosing group, right unfolds or goes inside. */
  private step(key: string, entry: number | undefined): void {
    if (entry === undefined || !this.view!.rows.grouped) return;
    const { tree } = this.session.table;
    const isFolded = entry < 0 && this.view!.folded.has(tree.groups[~entry]!.key);
    if (key === 'ArrowRight') {
      if (entry >= 0) return;
      if (isFolded) this.toggle(~entry, false);
      else this.activate(this.active + 1);
      return;
    }
    if (entry < 0 && !isFolded) {
      this.toggle(~entry, true);
      return;
    }
    const parent = entry < 0 ? tree.groups[~entry]!.parent : tree.groupOf[entry]!;
    if (parent >= 0) this.activate(this.view!.rows.rows.indexOf(~parent));
  }
}
