/** `<tl-array>`: a long array as a list that is read as it is scrolled, with a search over all of it. */
import '@vscode-elements/elements/dist/vscode-textfield/index.js';
import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { ref } from 'lit/directives/ref.js';
import { LoupeError } from '../../../src/protocol/rpc';
import { formatInteger } from '../../state/format';
import { mostMatches, type PagedValues, visibleText } from '../../state/pagedValues';
import { rowWindow } from '../../state/virtualWindow';

const rowHeight = 20;
const searchDelayMs = 200;

/** A second array beside the first, such as the types of tokens. */
export interface BesideColumn {
  readonly title: string;
  readonly values: PagedValues;
  show(value: string | number | boolean): string;
}

interface Search {
  readonly query: string;
  readonly matches: readonly number[];
  /** Values gone through so far. */
  readonly searched: number;
}

export class ArrayView extends LitElement {
  static override properties = {
    values: { attribute: false },
    beside: { attribute: false },
    label: { attribute: false },
    onCopy: { attribute: false },
    search: { state: true },
    problem: { state: true },
  };
  declare values: PagedValues;
  declare beside: BesideColumn | undefined;
  declare label: string;
  declare onCopy: (text: string) => void;
  declare private search: Search | undefined;
  declare private problem: string | undefined;
  private scrollTop_ = 0;
  private viewportHeight = 0;
  private list: HTMLElement | undefined;
  private searchTimer = 0;
  private searching: AbortController | undefined;
  private reading = new AbortController();
  private readonly resize = new ResizeObserver(() => this.measure());

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.reading.signal.aborted) this.reading = new AbortController();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.searchTimer);
    this.searching?.abort();
    this.reading.abort();
    this.resize.disconnect();
    this.list = undefined;
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('values') || changed.get('values') === undefined) return;
    this.searching?.abort();
    this.search = undefined;
    this.problem = undefined;
    this.scrollTop_ = 0;
    if (this.list) this.list.scrollTop = 0;
  }

  private readonly setList = (element: Element | undefined) => {
    if (!element || element === this.list) return;
    this.list = element as HTMLElement;
    this.resize.disconnect();
    this.resize.observe(element);
    this.measure();
  };

  private measure(): void {
    const height = this.list?.clientHeight ?? 0;
    if (height === this.viewportHeight) return;
    this.viewportHeight = height;
    this.requestUpdate();
  }

  private get rowCount(): number {
    return this.search ? this.search.matches.length : this.values.length;
  }

  /** Asks for the values of rows that are on screen and not here yet. */
  private async fetchRows(rows: readonly number[]): Promise<void> {
    const sources = [this.values, ...(this.beside ? [this.beside.values] : [])];
    const missing = sources.flatMap((source) =>
      rows.filter((row) => source.get(row) === undefined).map((row) => ({ source, row })),
    );
    if (missing.length === 0) return;
    try {
      await Promise.all(missing.map(({ source, row }) => source.ensure(row, row + 1, this.reading.signal)));
      this.problem = undefined;
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code === 'cancelled') return;
      this.problem = error.message;
    }
    this.requestUpdate();
  }

  private onInput(text: string): void {
    window.clearTimeout(this.searchTimer);
    this.searching?.abort();
    if (text === '') {
      this.search = undefined;
      return;
    }
    this.searchTimer = window.setTimeout(() => void this.find(text), searchDelayMs);
  }

  private async find(query: string): Promise<void> {
    const abort = new AbortController();
    this.searching = abort;
    this.search = { query, matches: [], searched: 0 };
    if (this.list) this.list.scrollTop = 0;
    try {
      const told = (searched: number, matches: readonly number[]) => {
        if (!abort.signal.aborted) this.search = { query, matches: [...matches], searched };
      };
      const matches = await this.values.search(query, told, abort.signal);
      if (!abort.signal.aborted) this.search = { query, matches, searched: this.values.length };
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'cancelled') this.problem = error.message;
    }
  }

  private status(): string {
    const { search, values } = this;
    if (!search) return `${formatInteger(values.length)} values`;
    const found = formatInteger(search.matches.length);
    if (search.matches.length >= mostMatches) return `the first ${found} matches`;
    if (search.searched < values.length)
      return `${found} so far, ${formatInteger(search.searched)} of ${formatInteger(values.length)} searched`;
    return `${found} of ${formatInteger(values.length)}`;
  }

  private readonly onKey = (event: KeyboardEvent) => {
    const { list } = this;
    if (!list) return;
    const step: Readonly<Record<string, number>> = {
      ArrowDown: rowHeight,
      ArrowUp: -rowHeight,
      PageDown: this.viewportHeight - rowHeight,
      PageUp: rowHeight - this.viewportHeight,
      Home: -list.scrollHeight,
      End: list.scrollHeight,
    };
    const by = step[event.key];
    if (by === undefined) return;
    event.preventDefault();
    list.scrollTop += by;
  };

  protected override render(): TemplateResult {
    const { values, beside, search } = this;
    const window = rowWindow(this.scrollTop_, {
      rowCount: this.rowCount,
      rowHeight,
      viewportHeight: this.viewportHeight,
    });
    const rows = Array.from({ length: Math.max(0, window.end - window.first) }, (_, i) => {
      const at = window.first + i;
      return search ? search.matches[at]! : at;
    });
    void this.fetchRows(rows);
    const size = ref((element) => {
      if (!element) return;
      (element as HTMLElement).style.height = `${window.contentHeight}px`;
    });
    const place = ref((element) => {
      if (!element) return;
      (element as HTMLElement).style.transform = `translateY(${window.top}px)`;
    });
    return html`<div class="array-bar">
        <vscode-textfield
          class="filter"
          data-testid="array-search"
          placeholder="Search"
          .label=${`Search ${this.label}`}
          @input=${(event: Event) => this.onInput((event.target as HTMLInputElement).value)}
        ></vscode-textfield>
        <span class="quiet count" aria-live="polite" data-testid="array-status">${this.status()}</span>
      </div>
      ${this.problem === undefined ? nothing : html`<p class="problem" role="alert">Not everything could be read: ${this.problem}</p>`}
      <div
        class="array-list"
        data-testid="array-list"
        tabindex="0"
        role="list"
        aria-label=${this.label}
        ${ref(this.setList)}
        @scroll=${(event: Event) => {
          this.scrollTop_ = (event.target as HTMLElement).scrollTop;
          this.requestUpdate();
        }}
        @keydown=${this.onKey}
      >
        <div class="array-space" ${size}>
          <div class="array-rows ${beside ? 'with-beside' : ''}" ${place}>
            ${rows.map((row) => {
              const value = values.get(row);
              const other = beside?.values.get(row);
              const text = value === undefined ? '' : visibleText(value);
              return html`<div class="array-row" role="listitem" data-index=${row} title=${text} @dblclick=${() => value !== undefined && this.onCopy(String(value))}>
                <span class="quiet number">${row}</span>
                <span class="mono array-value">${value === undefined ? html`<span class="quiet">…</span>` : text === '' ? html`<span class="quiet">(empty)</span>` : text}</span>
                ${beside ? html`<span class="quiet">${other === undefined ? '' : beside.show(other)}</span>` : nothing}
              </div>`;
            })}
          </div>
        </div>
        ${this.rowCount === 0 && search && search.searched >= values.length ? html`<p class="quiet array-none">No value holds “${search.query}”.</p>` : nothing}
      </div>`;
  }
}

customElements.define('tl-array', ArrayView);
