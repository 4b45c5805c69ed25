/** The header row: a button a column, one tab stop, left and right move between them. */
import { type Sort, sortHint, type TableColumn } from '../../state/tableColumns';

export class TableHeader {
  readonly element = document.createElement('div');
  private columns: readonly TableColumn[] = [];
  private buttons: HTMLButtonElement[] = [];

  constructor(
    private readonly onSort: (id: TableColumn['id']) => void,
    /** Down from the header goes into the rows. */
    private readonly onLeave: () => void,
  ) {
    this.element.className = 'header';
    this.element.setAttribute('role', 'row');
    this.element.setAttribute('aria-rowindex', '1');
    this.element.addEventListener('keydown', (event) => this.onKey(event));
  }

  setColumns(columns: readonly TableColumn[]): void {
    this.columns = columns;
    this.buttons = [];
    this.element.replaceChildren(
      ...columns.map((column, index) => {
        const cell = document.createElement('div');
        cell.className = `cell ${column.align}`;
        cell.dataset.column = column.id;
        cell.setAttribute('role', 'columnheader');
        cell.setAttribute('aria-colindex', String(index + 1));
        const button = document.createElement('button');
        button.type = 'button';
        button.tabIndex = index === 0 ? 0 : -1;
        button.dataset.testid = `sort-${column.id}`;
        const title = document.createElement('span');
        title.textContent = column.title;
        const arrow = document.createElement('span');
        arrow.className = 'sort-arrow';
        arrow.setAttribute('aria-hidden', 'true');
        button.append(title, arrow);
        button.addEventListener('click', () => this.onSort(column.id));
        this.buttons.push(button);
        cell.append(button);
        return cell;
      }),
    );
  }

  setSort(sort: Sort | undefined): void {
    this.columns.forEach((column, index) => {
      const cell = this.element.children[index]!;
      const direction = sort?.column === column.id ? sort.direction : 'none';
      cell.setAttribute('aria-sort', direction);
      this.buttons[index]!.title = sortHint(column, sort);
    });
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      event.stopPropagation();
      this.onLeave();
      return;
    }
    const at = this.buttons.indexOf(event.target as HTMLButtonElement);
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const next = this.buttons[at + step];
    if (at < 0 || step === 0 || !next) return;
    event.preventDefault();
    this.buttons[at]!.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
