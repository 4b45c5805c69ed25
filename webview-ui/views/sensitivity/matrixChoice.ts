/** The importance matrix of the Sensitivity tab: chosen, looked at again after a reload, shown with its name, and dropped. */
import { html, nothing, type TemplateResult } from 'lit';
import { LoupeError, type Rpc } from '../../../src/protocol/rpc';
import type { ImportanceCover } from '../../../src/protocol/sensitivityPageApi';
import type { CheckpointHostContract, CheckpointPageContract } from '../../../src/protocol/webviewApi';
import { formatInteger } from '../../state/format';
import { mostSchemes } from './schemeChooser';
import type { SensitivityModel } from './sensitivityModel';
import type { SensitivityTab } from './sensitivityTab';

export class MatrixChoice {
  /** Why there is no matrix, or what went with it; '' where nothing is to be told. */
  problem = '';
  private cover: ImportanceCover | undefined;
  private isAsking = false;

  constructor(
    private readonly model: SensitivityModel,
    private readonly rpc: Pick<Rpc<CheckpointPageContract, CheckpointHostContract>, 'call'>,
    private readonly tab: SensitivityTab,
  ) {}

  /** After a reload the file may be another one, or gone. */
  async look(): Promise<void> {
    const { matrix } = this.tab.state;
    if (!matrix || this.cover || this.isAsking) return;
    await this.ask(matrix.file);
  }

  /** Asks for a file; the columns that it makes possible appear, and what it weighs is compared anew. */
  async choose(): Promise<void> {
    if (!this.isAsking) await this.ask(undefined);
  }

  private async ask(file: string | undefined): Promise<void> {
    this.isAsking = true;
    this.problem = '';
    this.tab.requestRender();
    try {
      const cover = await this.rpc.call('matrix', { file });
      if (cover) await this.adopt(cover);
    } catch (thrown) {
      const error = LoupeError.from(thrown);
      if (error.code !== 'cancelled') {
        if (file !== undefined) await this.drop();
        const gone = file === undefined ? '' : ` ${nameOf(file)} is not used any more.`;
        this.problem = `The importance matrix cannot be used: ${error.message}${gone}`;
        this.tab.announce(this.problem);
      }
    } finally {
      this.isAsking = false;
      this.tab.requestRender();
    }
  }

  private async adopt(cover: ImportanceCover): Promise<void> {
    const { tab, model } = this;
    this.cover = cover;
    const { file, sha256 } = cover;
    const before = tab.state.matrix;
    if (before?.file === file && before.sha256 === sha256) return;
    await model.run.stop();
    const { weighing } = model;
    const columns = model.columns(tab.state).map(({ key }) => key);
    const fresh = (weighing?.usual ?? []).filter((key) => !columns.includes(key));
    const added = fresh.slice(0, Math.max(0, mostSchemes - columns.length));
    model.cells.forget(weighing?.keys ?? []);
    tab.patch({
      matrix: { file, sha256, added: [...(before?.added ?? []), ...added] },
      schemes: added.length > 0 ? [...columns, ...added] : tab.state.schemes,
      saved: undefined,
    });
    tab.announce(`${nameOf(file)}: ${this.sentence}`);
    tab.refill();
  }

  /** What only the matrix made possible goes with it. */
  async drop(): Promise<void> {
    const { tab, model } = this;
    const { weighing } = model;
    await model.run.stop();
    const { matrix, schemes, base, rules, selected } = tab.state;
    if (!matrix) return;
    const needing = new Set(weighing?.needing);
    const kept = rules.filter(({ choice }) => !needing.has(choice));
    // What the recipe goes on with is to be compared, and so keeps its column.
    const used = new Set([base, ...kept.map(({ choice }) => choice)]);
    const gone = new Set([...needing, ...matrix.added.filter((key) => !used.has(key))]);
    const left = schemes?.filter((key) => !gone.has(key)) ?? [];
    const lost = rules.length - kept.length + (base !== undefined && needing.has(base) ? 1 : 0);
    this.cover = undefined;
    this.problem =
      lost === 0
        ? ''
        : 'What the recipe gave by types that need an importance matrix was taken out of it with the matrix.';
    model.cells.forget(weighing?.keys ?? []);
    tab.patch({
      ...{ matrix: undefined, saved: undefined, rules: kept },
      schemes: left.length > 0 ? left : undefined,
      selected: selected && gone.has(selected.scheme) ? undefined : selected,
      base: base !== undefined && needing.has(base) ? undefined : base,
    });
    tab.announce(`${nameOf(matrix.file)} is dropped: errors are not weighed. ${this.problem}`.trim());
    tab.refill();
  }

  /** The button that asks for one, or the name of the one at hand with a way to drop it. */
  render(): TemplateResult | typeof nothing {
    if (!this.model.weighing) return nothing;
    const { matrix } = this.tab.state;
    if (!matrix)
      return html`<button
        type="button"
        class="toggle"
        data-testid="choose-matrix"
        ?disabled=${this.isAsking}
        title="Weigh the errors of GGUF's types by an importance matrix of llama-imatrix, as quantizing with it does; IQ1_S, IQ2_XXS and IQ2_XS need one"
        @click=${() => void this.choose()}
      >Importance matrix…</button>`;
    const name = nameOf(matrix.file);
    return html`<span class="scheme-chip matrix-chip" data-testid="matrix" title=${matrix.file}>
      <button
        type="button"
        class="link"
        data-testid="choose-matrix"
        ?disabled=${this.isAsking}
        aria-label="Importance matrix ${name}: choose another"
        @click=${() => void this.choose()}
      >${name}</button>
      <button
        type="button"
        class="chip-remove"
        data-testid="drop-matrix"
        aria-label="Drop the importance matrix ${name}"
        title="Drop the importance matrix"
        ?disabled=${this.isAsking}
        @click=${(event: Event) => void this.dropAt(event.currentTarget as HTMLElement)}
      >×</button></span>`;
  }

  /** The pressed button goes with the matrix: its focus goes on to the one that asks for another. */
  private async dropAt(button: HTMLElement): Promise<void> {
    const place = button.closest('.matrix-chip')?.parentElement;
    await this.drop();
    requestAnimationFrame(() => place?.querySelector<HTMLElement>('[data-testid=choose-matrix]')?.focus());
  }

  /** What the matrix weighs, below the sentence on the comparison. */
  summary(): TemplateResult | typeof nothing {
    return html`${this.cover && this.tab.state.matrix ? html`<p class="quiet" data-testid="matrix-cover">${this.sentence}</p>` : nothing}
    ${this.problem === '' ? nothing : html`<p role="alert" class="unusual" data-testid="matrix-problem">${this.problem}</p>`}`;
  }

  private get sentence(): string {
    if (!this.cover) return '';
    const { weighed, unweighed, unused, entries } = this.cover;
    const all = weighed + unweighed.length;
    const others = unweighed.length - 1;
    const more = others > 0 ? ` and ${formatInteger(others)} more` : '';
    const lacking = unweighed.length > 0 ? `, not ${unweighed[0]}${more}` : '';
    return [
      `GGUF's types are weighed in ${formatInteger(weighed)} of ${formatInteger(all)} matrices${lacking}.`,
      ...(unused > 0
        ? [`${formatInteger(unused)} of ${formatInteger(entries)} entries are for no tensor of this model.`]
        : []),
    ].join(' ');
  }
}

/** The last part of a path of any system. */
export const nameOf = (file: string): string => /[^\\/]+$/.exec(file)?.[0] ?? file;
