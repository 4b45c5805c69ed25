/** `<tl-scheme-bytes>`: a part of the details that opens to the bytes of what is selected under every scheme. */
import { html, LitElement, type TemplateResult } from 'lit';
import { LoupeError } from '../../../src/protocol/rpc';
import type { SchemeBytes } from '../../../src/protocol/schemeBytesApi';
import type { CheckpointSession } from '../../state/session';
import { schemeBytesTable } from './schemeBytesTable';

/** Stays open from one tensor to the next. */
let isOpen = false;

export class SchemeBytesSection extends LitElement {
  static override properties = {
    session: { attribute: false },
    entry: { attribute: false },
    told: { state: true },
    problem: { state: true },
  };
  declare session: CheckpointSession;
  /** Tensor or ~group. */
  declare entry: number;
  declare private told: SchemeBytes | undefined;
  declare private problem: string | undefined;
  private asked = 0;

  protected override createRenderRoot(): this {
    return this;
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('session') && !changed.has('entry')) return;
    this.told = undefined;
    this.problem = undefined;
    if (isOpen) void this.read();
  }

  private async read(): Promise<void> {
    const asked = ++this.asked;
    try {
      const told = await this.session.schemeBytes(this.entry);
      if (asked === this.asked) this.told = told;
    } catch (thrown) {
      if (asked === this.asked) this.problem = LoupeError.from(thrown).message;
    }
  }

  private readonly onToggle = (event: Event) => {
    isOpen = (event.currentTarget as HTMLDetailsElement).open;
    if (isOpen && !this.told) void this.read();
  };

  protected override render(): TemplateResult {
    return html`<details class="scheme-bytes" data-testid="scheme-bytes-section" ?open=${isOpen} @toggle=${this.onToggle}>
      <summary>Bytes under every scheme</summary>
      ${
        this.told
          ? schemeBytesTable(this.told, this.session.catalogue.format === 'gguf')
          : html`<p class="quiet small">${this.problem ?? 'Computing sizes…'}</p>`
      }
    </details>`;
  }
}
customElements.define('tl-scheme-bytes', SchemeBytesSection);
