/** The tensor viewer's page: gets the tensor from the host and puts the matrix and what belongs to it together. */
import { html, type PropertyValues, type TemplateResult } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import { LoupeError, type Rpc } from '../../../src/protocol/rpc';
import type {
  TensorHostContract,
  TensorPageContract,
  TensorSubject,
} from '../../../src/protocol/tensorViewApi';
import type { ViewSettings } from '../../../src/protocol/webviewApi';
import '../../draw/scaleLegend';
import { onThemeChange } from '../../draw/theme';
import { firstSlice, type MatrixPlace, placeOf, showsOther, sliceSize } from '../../state/matrixPlace';
import { followsView } from '../../state/valueRange';
import { type MatrixEvents, renderMatrixFrame } from './matrixFrame';
import type { MatrixSource } from './matrixScene';
import type { MatrixView } from './matrixView';
import { commandOfKey } from './pageKeys';
import { type PageEvents, renderPage } from './pageLayout';
import { renderRefusal } from './pageParts';
import { picturePng } from './picturePng';
import { cellSentence } from './readout';
import { renderSide } from './sidePanel';
import { TensorPageState } from './tensorPageState';
import { TensorReader } from './tensorReader';
import { firstChoices, type ViewChoices } from './viewChoices';
import { ViewColours } from './viewColours';
import type { ViewMemory } from './viewMemory';

/** Ranges that follow the view are taken anew when it has rested so long, ms. */
const restMs = 150;

export class TensorPage extends TensorPageState {
  rpc!: Rpc<TensorPageContract, TensorHostContract>;
  memory!: ViewMemory;

  private settings: ViewSettings = { colorMap: 'viridis', outlierFactor: 8 };
  private source: MatrixSource | undefined;
  private readonly colours = new ViewColours();
  private reader: TensorReader | undefined;
  private restTimer: ReturnType<typeof setTimeout> | undefined;
  private endTheme: (() => void) | undefined;
  private startRegion: Region | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener('keydown', this.onKey);
    this.endTheme = onThemeChange(() => {
      this.colours.takeTheme();
      this.themeCount++;
    });
    void this.load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener('keydown', this.onKey);
    this.endTheme?.();
    this.reader?.dispose();
  }

  private get matrix(): MatrixView | null {
    return this.querySelector('tl-matrix');
  }

  /** Reads everything anew, and keeps what is chosen and shown. */
  async load(): Promise<void> {
    this.remember();
    let answer: TensorHostContract['ready']['result'];
    try {
      answer = await this.rpc.call('ready', {});
    } catch (thrown) {
      answer = { ok: false, error: LoupeError.from(thrown).toJSON(), title: 'The tensor' };
    }
    if (!answer.ok) {
      this.refuse({ title: answer.title, message: answer.error.message });
      return;
    }
    const { subject, settings, kept } = answer;
    this.settings = settings;
    const saved = this.memory.restore(kept, subject.shape);
    this.startRegion = saved?.region;
    this.source = undefined;
    this.begin(subject, saved?.choices ?? { ...firstChoices, slice: firstSlice(subject.shape) });
    this.reader?.dispose();
    if (subject.unreadable !== undefined || subject.elements === 0) return;
    this.reader = new TensorReader(this.rpc, subject, settings, this.readerEvents);
    this.reader.readStats();
    const { rows, columns } = sliceSize(subject.shape, this.choices.slice);
    const place = saved?.selected;
    if (place && place.row < rows && place.column < columns) {
      this.selected = place;
      this.reader.readElement(place, this.choices.slice, 0);
    }
  }

  /** Shows an element by its indices. */
  goTo(at: readonly number[]): void {
    const { subject } = this;
    if (!subject) return;
    const { place, slice } = placeOf(at, subject.shape, this.choices.slice);
    if (slice && showsOther(slice, this.choices.slice)) this.choose({ slice });
    void this.updateComplete.then(() => {
      this.matrix?.goTo(place);
      this.matrix?.focus();
    });
  }

  async picture(): Promise<{ png: Uint8Array }> {
    const { subject, matrix } = this;
    if (!subject || !matrix?.scene) throw new LoupeError('usage', 'There is no picture yet.');
    return { png: await picturePng(subject, matrix, this.choices.slice, this.colours.legend) };
  }

  /** Runs a command of the host. */
  run(kind: TensorPageContract['run']['params']['kind']): void {
    if (kind === 'goToIndex') void this.act({ kind: 'goToIndex' });
    else if (kind === 'copy') this.copy();
    else if (kind === 'save') this.save();
    else this.toggleTable();
  }

  protected override willUpdate(changed: PropertyValues): void {
    const keys = changed as ReadonlyMap<PropertyKey, unknown>;
    const { subject, choices } = this;
    if (!subject) return;
    const before = keys.get('choices') as ViewChoices | undefined;
    const isOtherMatrix = keys.has('subject') || (before && before.slice !== choices.slice);
    const aggregate = (each: ViewChoices | undefined) =>
      each?.cells === 'magnitude' ? 'extreme' : each?.cells;
    if (isOtherMatrix || !this.source || (before && aggregate(before) !== aggregate(choices)))
      this.source = this.reader?.source(choices);
    if (isOtherMatrix) {
      this.profile = undefined;
      this.reader?.readProfile(choices.slice);
    }
    const colours = ['choices', 'stats', 'ranks', 'themeCount', 'subject'];
    if (followsView(choices.range) || !this.colours.scale || this.stats.kind !== 'ready')
      colours.push('shownCount');
    if (colours.some((key) => keys.has(key))) this.updateColours();
  }

  protected override updated(changed: PropertyValues): void {
    const { matrix } = this;
    if (this.startRegion && matrix) {
      matrix.startAt(this.startRegion);
      this.startRegion = undefined;
    }
    if ((changed as ReadonlyMap<PropertyKey, unknown>).has('choices')) this.remember();
  }

  private updateColours(): void {
    const { choices, stats, ranks } = this;
    this.colours.update({
      choices,
      stats: stats.kind === 'ready' ? stats.stats : undefined,
      ranks,
      shown: () => this.matrix?.scene?.shownMagnitudes() ?? new Float32Array(0),
      colorMap: this.settings.colorMap,
    });
  }

  protected override render(): TemplateResult {
    const { subject, refusal } = this;
    if (refusal) return renderRefusal(refusal, this.pageEvents.reread, this.pageEvents.showCheckpoint);
    if (!subject) return html`<p class="page-message" role="status">Opening the tensor…</p>`;
    return renderPage(
      {
        subject,
        notices: { changed: this.changedNotice, engine: this.engineNotice },
        choices: this.choices,
        range: this.colours.range,
        showsTable: this.showsTable,
        matrix: () => this.renderMatrix(subject),
        side: () => this.renderSide(subject),
        announced: this.announced,
      },
      this.pageEvents,
    );
  }

  private renderMatrix(subject: TensorSubject): TemplateResult {
    const { matrix, source, choices, profile, selected, hovered, marked, showsTable, failure, pending } =
      this;
    const { scale, legend } = this.colours;
    return renderMatrixFrame(
      {
        subject,
        matrix,
        source,
        choices,
        profile,
        scale,
        legend,
        selected,
        hovered,
        marked,
        showsTable,
        failure,
        pending,
      },
      this.matrixEvents,
    );
  }

  private renderSide(subject: TensorSubject): TemplateResult {
    const { reader } = this;
    if (!reader) return html``;
    return renderSide(
      { element: this.element, stats: this.stats, elements: subject.elements, shape: subject.shape },
      {
        copy: (text) => void this.act({ kind: 'copy', text }),
        retryElement: () => this.selected && reader.readElement(this.selected, this.choices.slice, 0),
        goTo: (at) => this.goTo(at),
        retryStats: () => reader.readStats(),
        announce: (text) => {
          this.announced = text;
        },
        distribution: reader.distribution,
        pickOverlay: reader.pickOverlay,
      },
    );
  }

  private readonly pageEvents: PageEvents = {
    choose: (part) => this.choose(part),
    zoom: (factor) => this.matrix?.zoom(factor),
    fit: () => this.matrix?.fit(),
    goToIndex: () => void this.act({ kind: 'goToIndex' }),
    copy: () => this.copy(),
    save: () => this.save(),
    toggleTable: () => this.toggleTable(),
    showCheckpoint: () => void this.act({ kind: 'showCheckpoint' }),
    openAnother: () => void this.act({ kind: 'openAnother' }),
    reread: () => this.reread(),
    recover: () => this.recover(),
  };

  private readonly matrixEvents: MatrixEvents = {
    hover: (place) => {
      this.hovered = place;
    },
    select: (place) => this.select(place),
    mark: (region) => {
      this.marked = region;
    },
    moved: () => this.onView(),
    pending: (count) => {
      this.pending = count;
    },
    fail: (thrown) => this.onFailure(thrown),
    recover: () => this.recover(),
    toggleTable: () => this.toggleTable(),
  };

  private choose(part: Partial<ViewChoices>): void {
    const before = this.choices;
    this.choices = { ...before, ...part };
    if (!('slice' in part)) return;
    const shape = this.subject!.shape;
    const [old, now] = [sliceSize(shape, before.slice), sliceSize(shape, part.slice)];
    this.marked = undefined;
    if (old.rows !== now.rows || old.columns !== now.columns) {
      this.selected = undefined;
      this.element = { kind: 'none' };
    } else if (this.selected) this.reader?.readElement(this.selected, this.choices.slice);
  }

  private select(place: MatrixPlace): void {
    this.selected = place;
    const reading = this.matrix?.read(place);
    this.announced = cellSentence(place, reading, this.choices.cells);
    this.reader?.readElement(place, this.choices.slice);
    this.remember();
  }

  private onView(): void {
    this.viewCount++;
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => {
      this.shownCount++;
      this.remember();
    }, restMs);
    // Before anything is coloured there is nothing to wait for.
    if (!this.colours.scale) this.shownCount++;
  }

  private onFailure(thrown: unknown): void {
    const error = LoupeError.from(thrown);
    if (error.code === 'cancelled') return;
    this.failure = error.message;
    // The process is started by the next request: one that was lost is asked for once more, without being told to. What
    // happened stays on the page until it was read.
    if (error.code === 'engine-died')
      setTimeout(() => this.failure === error.message && this.readAgain(), 600);
  }

  private recover(): void {
    this.engineNotice = '';
    this.readAgain();
  }

  private readAgain(): void {
    this.failure = undefined;
    this.matrix?.retry();
    if (this.stats.kind === 'impossible') this.reader?.readStats();
    if (!this.profile) this.reader?.readProfile(this.choices.slice);
    if (this.element.kind === 'failed' && this.selected)
      this.reader?.readElement(this.selected, this.choices.slice);
  }

  private reread(): void {
    void this.act({ kind: 'reread' }).then(() => this.load());
  }

  private toggleTable(): void {
    this.showsTable = !this.showsTable;
    void this.updateComplete.then(() => {
      if (this.showsTable) this.querySelector<HTMLElement>('.table-over')?.focus();
      else this.matrix?.focus();
    });
  }

  private get chosenPart(): { region: Region; what: 'selection' | 'view' } | undefined {
    const region = this.marked ?? this.matrix?.scene?.region;
    return region && { region, what: this.marked ? 'selection' : 'view' };
  }

  private copy(): void {
    if (this.chosenPart) void this.act({ kind: 'copyValues', ...this.chosenPart, slice: this.choices.slice });
  }

  private save(): void {
    if (this.chosenPart) void this.act({ kind: 'save', ...this.chosenPart, slice: this.choices.slice });
  }

  private async act(action: TensorHostContract['action']['params']): Promise<void> {
    // The host tells people what went wrong; the page has nothing to add.
    await this.rpc.call('action', action).catch(() => undefined);
  }

  private remember(): void {
    if (!this.subject) return;
    const scene = this.matrix?.scene;
    this.memory.save({
      choices: this.choices,
      region: scene?.isWhole ? undefined : scene?.region,
      selected: this.selected,
    });
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const command = commandOfKey(event);
    if (!command) return;
    this.run(command);
    event.preventDefault();
  };
}

customElements.define('tl-tensor', TensorPage);
