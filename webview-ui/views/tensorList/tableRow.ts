/** One recycled row of the tensor table: its elements are made once and filled again and again. */
import { figureTexts } from '../../state/figureTexts';
import { formatInteger, formatParameters, formatShape, formatShare } from '../../state/format';
import { groupLabel, tensorLabel } from '../../state/moduleTree';
import type { CheckpointSession } from '../../state/session';
import { type StatFigure, statFigures } from '../../state/statsTable';
import type { ColumnId, TableColumn } from '../../state/tableColumns';
import { type GroupTotals, shapeOf } from '../../state/tableModel';
import { chevronElement } from '../icons';

const figures: ReadonlySet<string> = new Set(statFigures);
const isFigure = (id: ColumnId): id is ColumnId & StatFigure => figures.has(id);

/** What a row shows. */
export interface RowContent {
  /** Tensor index or ~group. */
  readonly entry: number;
  /** Position in the list, from 0. */
  readonly position: number;
  readonly selected: boolean;
  readonly active: boolean;
  readonly folded: boolean;
  /** Rows stand under group headers: names are shortened and indented. */
  readonly grouped: boolean;
  readonly totals: readonly GroupTotals[];
}

export class TableRow {
  readonly element = document.createElement('div');
  /** Position that it shows; -1: none. */
  position = -1;
  private top = Number.NaN;
  private depth = -1;
  private filled = -1;
  private readonly cells = new Map<ColumnId, HTMLElement>();
  private readonly prefix = document.createElement('span');
  private readonly prefixText = document.createElement('bdi');
  private readonly label = document.createElement('span');
  private readonly badge = document.createElement('span');
  private readonly fill = document.createElement('span');

  constructor(
    slot: number,
    columns: readonly TableColumn[],
    private readonly session: CheckpointSession,
  ) {
    this.element.id = `tensor-row-${slot}`;
    this.element.className = 'row';
    this.element.setAttribute('role', 'row');
    columns.forEach((column, index) => {
      const cell = document.createElement('div');
      cell.className = `cell ${column.align}`;
      cell.dataset.column = column.id;
      cell.setAttribute('role', 'gridcell');
      cell.setAttribute('aria-colindex', String(index + 1));
      if (column.id === 'name') {
        this.prefix.className = 'prefix';
        this.prefix.append(this.prefixText);
        this.label.className = 'label';
        cell.append(chevronElement(), this.prefix, this.label);
      } else if (column.id === 'dtype') {
        this.badge.className = 'dtype';
        cell.append(this.badge);
      } else if (column.id === 'share') {
        const track = document.createElement('span');
        track.className = 'track';
        this.fill.className = 'fill';
        track.append(this.fill);
        cell.append(track);
      }
      this.cells.set(column.id, cell);
      this.element.append(cell);
    });
  }

  show(content: RowContent): void {
    const { element } = this;
    const isGroup = content.entry < 0;
    this.position = content.position;
    if (element.hidden) element.hidden = false;
    const classes = `row${isGroup ? ' group' : ''}${content.selected ? ' selected' : ''}${content.active ? ' active' : ''}`;
    if (element.className !== classes) element.className = classes;
    element.setAttribute('aria-rowindex', String(content.position + 2));
    this.attribute('aria-selected', String(content.selected));
    if (isGroup) this.showGroup(~content.entry, content);
    else this.showTensor(content.entry, content);
  }

  /** Pixels from the top of the scrolled content. */
  place(top: number): void {
    if (this.top === top) return;
    this.top = top;
    this.element.style.transform = `translateY(${top}px)`;
  }

  hide(): void {
    if (this.position < 0 && this.element.hidden) return;
    this.position = -1;
    this.element.hidden = true;
    // A row that is not shown answers to no name.
    delete this.element.dataset.tensor;
    delete this.element.dataset.group;
  }

  private showGroup(group: number, content: RowContent): void {
    const { tree } = this.session.table;
    const { key, depth } = tree.groups[group]!;
    const total = content.totals[group]!;
    this.element.dataset.group = key;
    delete this.element.dataset.tensor;
    this.attribute('aria-expanded', String(!content.folded));
    this.level(depth);
    this.name('', groupLabel(tree, group));
    this.badge.textContent = '';
    this.badge.hidden = true;
    this.text('shape', `${formatInteger(total.tensors)} ${total.tensors === 1 ? 'tensor' : 'tensors'}`);
    this.parameters(total.parameters);
    this.text('bytes', formatInteger(total.bytes));
    this.share(total.bytes);
    const count = total.tensors;
    for (const id of this.cells.keys()) {
      if (!isFigure(id)) continue;
      if (id !== 'absmax' && id !== 'kurtosis' && id !== 'sigma6') this.text(id, '');
      else {
        const { format, isUnusual } = figureTexts[id];
        const note = id === 'sigma6' ? `Sum of ${count}` : `Largest of ${count}`;
        this.figure(id, total[id], format(total[id]), isUnusual(total[id]), note);
      }
    }
  }

  private showTensor(tensor: number, content: RowContent): void {
    const { columns, tree } = this.session.table;
    const { stats } = this.session;
    const name = columns.names[tensor]!;
    const group = tree.groupOf[tensor]!;
    const depth = content.grouped && group >= 0 ? tree.groups[group]!.depth + 1 : 0;
    this.element.dataset.tensor = name;
    delete this.element.dataset.group;
    this.element.removeAttribute('aria-expanded');
    this.level(depth);
    const label = tensorLabel(tree, columns.names, tensor);
    this.name(content.grouped ? '' : name.slice(0, name.length - label.length), label);
    this.badge.hidden = false;
    this.badge.textContent = columns.dtypes[columns.dtype[tensor]!] ?? '';
    this.text('shape', formatShape(shapeOf(columns, tensor)));
    this.parameters(columns.elements[tensor]!);
    this.text('bytes', formatInteger(columns.bytes[tensor]!));
    this.share(columns.bytes[tensor]!);
    const knowledge = stats.knowledge(tensor);
    const missing = knowledge === 'unreadable' ? '–' : '';
    const hint =
      knowledge === 'unreadable' ? (this.session.unreadable(tensor) ?? 'The values cannot be read.') : '';
    for (const id of this.cells.keys()) {
      if (!isFigure(id)) continue;
      const value = stats.get(tensor, id);
      if (Number.isNaN(value)) this.text(id, knowledge === 'known' ? '–' : missing, hint);
      else this.figure(id, value, figureTexts[id].format(value), figureTexts[id].isUnusual(value), '');
    }
  }

  private attribute(name: string, value: string): void {
    if (this.element.getAttribute(name) !== value) this.element.setAttribute(name, value);
  }

  private level(depth: number): void {
    if (this.depth === depth) return;
    this.depth = depth;
    this.element.setAttribute('aria-level', String(depth + 1));
    this.element.style.setProperty('--depth', String(depth));
  }

  private name(prefix: string, label: string): void {
    this.prefix.hidden = prefix === '';
    this.prefixText.textContent = prefix;
    this.label.textContent = label;
  }

  private text(id: ColumnId, text: string, title = ''): void {
    const cell = this.cells.get(id);
    if (!cell) return;
    if (cell.textContent !== text) cell.textContent = text;
    if (cell.title !== title) cell.title = title;
    if (cell.classList.contains('unusual')) cell.classList.remove('unusual');
  }

  private figure(id: ColumnId, value: number, text: string, unusual: boolean, note: string): void {
    if (Number.isNaN(value)) {
      this.text(id, '');
      return;
    }
    this.text(id, text, note);
    if (unusual) this.cells.get(id)?.classList.add('unusual');
  }

  private parameters(count: number): void {
    this.text('parameters', formatParameters(count), `${formatInteger(count)} parameters`);
  }

  private share(bytes: number): void {
    const cell = this.cells.get('share');
    if (!cell) return;
    const share = this.session.catalogue.bytes > 0 ? bytes / this.session.catalogue.bytes : 0;
    if (this.filled === share) return;
    this.filled = share;
    this.fill.style.setProperty('--share', String(share));
    const text = formatShare(share);
    cell.title = `${text} of the bytes`;
    cell.setAttribute('aria-label', text);
  }
}
