/** What the tensor viewer's page shows; a change of any of it draws the page anew. */
import { LitElement } from 'lit';
import type { Region } from '../../../src/protocol/engineApi';
import type { TensorSubject } from '../../../src/protocol/tensorViewApi';
import type { MagnitudeRanks } from '../../state/magnitudeRanks';
import type { MatrixPlace } from '../../state/matrixPlace';
import type { ElementState } from './elementView';
import type { MatrixProfile } from './matrixDrawing';
import type { Refusal } from './pageParts';
import type { StatsState } from './sidePanel';
import type { ReaderEvents } from './tensorReader';
import { firstChoices, type ViewChoices } from './viewChoices';

/** The page's properties with what they begin with; what follows from a change is the page's own. */
export class TensorPageState extends LitElement {
  static override properties = {
    subject: { state: true },
    refusal: { state: true },
    choices: { state: true },
    stats: { state: true },
    ranks: { state: true },
    profile: { state: true },
    element: { state: true },
    selected: { state: true },
    hovered: { state: true },
    pending: { state: true },
    failure: { state: true },
    changedNotice: { state: true },
    engineNotice: { state: true },
    showsTable: { state: true },
    marked: { state: true },
    viewCount: { state: true },
    shownCount: { state: true },
    themeCount: { state: true },
    announced: { state: true },
  };
  declare protected subject: TensorSubject | undefined;
  declare protected refusal: Refusal | undefined;
  declare protected choices: ViewChoices;
  declare protected stats: StatsState;
  declare protected ranks: MagnitudeRanks | undefined;
  declare protected profile: MatrixProfile | undefined;
  declare protected element: ElementState;
  declare protected selected: MatrixPlace | undefined;
  declare protected hovered: MatrixPlace | undefined;
  declare protected pending: number;
  declare protected failure: string | undefined;
  declare protected changedNotice: string;
  declare protected engineNotice: string;
  declare protected showsTable: boolean;
  declare protected marked: Region | undefined;
  /** Counts what the view showed, so that texts about it are written anew. */
  declare protected viewCount: number;
  /** The same, once it rests: for ranges. */
  declare protected shownCount: number;
  declare protected themeCount: number;
  declare protected announced: string;

  constructor() {
    super();
    this.choices = firstChoices;
    this.stats = { kind: 'reading' };
    this.element = { kind: 'none' };
    this.pending = 0;
    this.changedNotice = '';
    this.engineNotice = '';
    this.showsTable = false;
    this.viewCount = 0;
    this.shownCount = 0;
    this.themeCount = 0;
    this.announced = '';
  }

  /** Shows a notice of the host; an empty message takes it back. */
  notice(kind: 'engine' | 'changed', message: string): void {
    if (kind === 'engine') this.engineNotice = message;
    else this.changedNotice = message;
  }

  /** Nothing can be shown. */
  protected refuse(refusal: Refusal): void {
    this.clearNotices();
    this.refusal = refusal;
    this.subject = undefined;
  }

  /** A tensor of which nothing is selected or known yet. */
  protected begin(subject: TensorSubject, choices: ViewChoices): void {
    this.clearNotices();
    this.refusal = undefined;
    this.choices = choices;
    this.subject = subject;
    this.selected = undefined;
    this.element = { kind: 'none' };
    this.ranks = undefined;
  }

  /** What is read of the tensor is shown when it comes. */
  protected readonly readerEvents: ReaderEvents = {
    stats: (state) => {
      this.stats = state;
    },
    ranks: (ranks) => {
      this.ranks = ranks;
    },
    profile: (profile) => {
      this.profile = profile;
    },
    element: (state) => {
      this.element = state;
    },
  };

  private clearNotices(): void {
    this.changedNotice = '';
    this.engineNotice = '';
    this.failure = undefined;
  }
}
