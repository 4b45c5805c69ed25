/** The list of columns to show, under its button. */
import '@vscode-elements/elements/dist/vscode-checkbox/index.js';
import { html, nothing, type TemplateResult } from 'lit';
import { type ColumnId, isShown, type TableColumn, tableColumns } from '../../state/tableColumns';
import type { PageContext } from '../pageContext';

export class ColumnChooser {
  isOpen = false;

  constructor(private readonly page: PageContext) {}

  render(): TemplateResult | typeof nothing {
    if (!this.isOpen) return nothing;
    const { state } = this.page;
    const change = (list: readonly ColumnId[], id: ColumnId, isIn: boolean) =>
      isIn ? [...list, id] : list.filter((other) => other !== id);
    const toggle = ({ id, isExtra }: TableColumn, shown: boolean) =>
      this.page.patch(
        isExtra
          ? { extraColumns: change(state.extraColumns, id, shown) }
          : { hiddenColumns: change(state.hiddenColumns, id, !shown) },
      );
    return html`<div
      class="popover"
      role="dialog"
      aria-label="Columns"
      data-testid="column-chooser"
      @keydown=${(event: KeyboardEvent) => {
        if (event.key === 'Escape') this.toggle(false);
      }}
    >
      ${tableColumns
        .filter((column) => column.id !== 'name')
        .map(
          (column) => html`<vscode-checkbox
            data-column-choice=${column.id}
            .label=${column.statistics && !state.showStatistics ? `${column.title} (after analysis)` : column.title}
            .checked=${isShown(column, state)}
            title=${column.description}
            @change=${(event: Event) => toggle(column, (event.target as HTMLInputElement).checked)}
          ></vscode-checkbox>`,
        )}
      <hr />
      <vscode-checkbox
        data-testid="group-modules"
        .label=${'Group by module'}
        .checked=${state.grouped}
        title="In model order only: sorting by a column lists all tensors"
        @change=${(event: Event) => this.page.patch({ grouped: (event.target as HTMLInputElement).checked })}
      ></vscode-checkbox>
    </div>`;
  }

  /** Opens or closes it; the focus goes along. */
  toggle(open: boolean): void {
    if (open === this.isOpen) return;
    this.isOpen = open;
    this.page.requestRender();
    const button = () => document.querySelector<HTMLElement>('[data-testid="columns"]');
    if (!open) {
      document.removeEventListener('pointerdown', this.onOutside, true);
      button()?.focus();
      return;
    }
    document.addEventListener('pointerdown', this.onOutside, true);
    requestAnimationFrame(() =>
      requestAnimationFrame(() => document.querySelector<HTMLElement>('.popover vscode-checkbox')?.focus()),
    );
  }

  private readonly onOutside = (event: Event) => {
    if (!(event.target as Element).closest?.('.toolbar-menu')) this.toggle(false);
  };
}
