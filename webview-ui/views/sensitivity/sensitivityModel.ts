/** What the Sensitivity tab knows of an opened checkpoint: schemes, rows, cells, the run, and what follows from them. */
import { LoupeError, type Rpc } from '../../../src/protocol/rpc';
import type { Recipe, SchemeOffer, Weighing } from '../../../src/protocol/sensitivityPageApi';
import type { CheckpointHostContract, CheckpointPageContract } from '../../../src/protocol/webviewApi';
import { buildModuleMap } from '../../state/moduleMap';
import { DraftPlaces, draftName, draftPicks, type RecipeDraft, recipeFrom } from '../../state/recipeDraft';
import { SensitivityCells } from '../../state/sensitivityCells';
import { type Metric, type MetricRange, metricRange } from '../../state/sensitivityMetrics';
import { type SensitivityRow, sensitivityRows, shownRows } from '../../state/sensitivityRows';
import { SensitivityRun } from '../../state/sensitivityRun';
import type { SensitivityState } from '../../state/sensitivityState';
import { type ModelTotal, modelTotal, type TensorPick } from '../../state/sensitivityTotals';
import type { CheckpointSession } from '../../state/session';
import { shapeOf } from '../../state/tableModel';
import { type PlanState, RecipePlanning } from './recipePlanning';

/** The last answer to a question, as long as what it depends on stays. */
class Remembered<T> {
  private key: readonly unknown[] = [];
  private value: T | undefined;

  get(key: readonly unknown[], make: () => T): T {
    if (this.value === undefined || key.some((part, at) => part !== this.key[at])) {
      this.value = make();
      this.key = key;
    }
    return this.value;
  }
}

export type Offers =
  | { readonly kind: 'unasked' | 'loading' }
  | { readonly kind: 'failed'; readonly message: string }
  | {
      readonly kind: 'known';
      readonly all: readonly SchemeOffer[];
      readonly usual: readonly string[];
      readonly weighing: Weighing | undefined;
    };

export class SensitivityModel {
  readonly cells: SensitivityCells;
  readonly run: SensitivityRun;
  readonly rows: readonly SensitivityRow[];
  readonly places: DraftPlaces;
  offers: Offers = { kind: 'unasked' };
  byKey: ReadonlyMap<string, SchemeOffer> = new Map();
  private readonly shownMemory = new Remembered<readonly SensitivityRow[]>();
  private readonly rangeMemory = new Remembered<{ range: MetricRange | undefined }>();
  private readonly totalsMemory = new Remembered<readonly ModelTotal[]>();
  private readonly recipeMemory = new Remembered<ModelTotal>();
  private readonly writtenMemory = new Remembered<Recipe>();
  private readonly planning: RecipePlanning;
  private readonly tableMemory = new Remembered<readonly SensitivityRow[]>();

  constructor(
    readonly session: CheckpointSession,
    private readonly rpc: Rpc<CheckpointPageContract, CheckpointHostContract>,
    private readonly onChange: () => void,
  ) {
    const { tensors } = session.catalogue;
    this.cells = new SensitivityCells(tensors.count);
    this.run = new SensitivityRun(rpc, this.cells, tensors.bytes, onChange);
    this.rows = sensitivityRows(buildModuleMap(tensors.names), tensors.names);
    this.places = new DraftPlaces(tensors.names, this.rows);
    this.planning = new RecipePlanning(
      (recipe, imatrix, signal) => rpc.call('recipePlan', { recipe, imatrix }, { signal }),
      onChange,
    );
  }

  /** Asks for the schemes, once, and again after a failure. */
  async load(): Promise<void> {
    if (this.offers.kind === 'loading' || this.offers.kind === 'known') return;
    this.offers = { kind: 'loading' };
    this.onChange();
    try {
      const { offers, usual, weighing } = await this.rpc.call('schemes', {});
      this.byKey = new Map(offers.map((offer) => [offer.key, offer]));
      this.offers = { kind: 'known', all: offers, usual, weighing };
    } catch (thrown) {
      this.offers = { kind: 'failed', message: LoupeError.from(thrown).message };
    }
    this.onChange();
  }

  /** What an importance matrix changes; undefined where none can weigh anything, or nothing is known yet. */
  get weighing(): Weighing | undefined {
    return this.offers.kind === 'known' ? this.offers.weighing : undefined;
  }

  /** The matrix that the recipe's choices weigh errors by; undefined where none of them does. */
  recipeMatrix(state: SensitivityState): string | undefined {
    const { base, rules } = this.draft(state);
    const keys = new Set(this.weighing?.keys);
    return [base, ...rules.map(({ choice }) => choice)].some((key) => keys.has(key))
      ? state.matrix?.file
      : undefined;
  }

  /** The schemes across. */
  columns({ schemes }: SensitivityState): readonly SchemeOffer[] {
    if (this.offers.kind !== 'known') return [];
    const keys = schemes?.filter((key) => this.byKey.has(key)) ?? [];
    return (keys.length > 0 ? keys : this.offers.usual).flatMap((key) => this.byKey.get(key) ?? []);
  }

  draft(state: SensitivityState): RecipeDraft {
    const columns = this.columns(state);
    const isKnown = state.base === 'keep' || (state.base !== undefined && this.byKey.has(state.base));
    const four =
      columns.find(({ key }) => key.startsWith('nf4')) ?? columns.find(({ key }) => key.includes('4'));
    const base = isKnown ? state.base! : (four ?? columns[0])?.key;
    const rules = state.rules.filter(({ choice }) => choice === 'keep' || this.byKey.has(choice));
    return { base: base ?? 'keep', rules };
  }

  /** Rows of the map: vectors only where a scheme quantizes one, or when all are asked for. */
  shown(state: SensitivityState): readonly SensitivityRow[] {
    const keys = this.columns(state).map(({ key }) => key);
    // Casts alone take vectors, and whether there is one among the schemes does not change while cells come in.
    const hasCast = keys.some((key) => this.byKey.get(key)?.family === 'Floats' && key.endsWith(' none'));
    return this.shownMemory.get([state.open, state.showAll || hasCast], () =>
      shownRows(this.rows, new Set(state.open), (row) => state.showAll || hasCast || this.isMatrix(row)),
    );
  }

  /** One row a tensor, for the table. */
  tableRows(state: SensitivityState): readonly SensitivityRow[] {
    const shown = this.shown(state);
    return this.tableMemory.get([shown], () =>
      shown
        .filter(({ depth }) => depth === 0)
        .flatMap((row) => (row.children.length > 0 ? row.children : [row])),
    );
  }

  private isMatrix({ tensors }: SensitivityRow): boolean {
    return shapeOf(this.session.catalogue.tensors, tensors[0]!).length > 1;
  }

  /** Changes with the cells; of a large model once a second while they come in, so that the page stays awake. */
  private get epoch(): number {
    const isLarge = this.cells.count > 5000;
    return this.run.progress && isLarge ? -Math.floor(performance.now() / 1000) : this.cells.version;
  }

  range(state: SensitivityState, metric: Metric): MetricRange | undefined {
    const keys = this.columns(state).map(({ key }) => key);
    return this.rangeMemory.get([keys.join('\n'), metric, this.epoch], () => ({
      range: metricRange(this.cells, keys, metric),
    })).range;
  }

  /** The whole model under each column. */
  totals(state: SensitivityState): readonly ModelTotal[] {
    const keys = this.columns(state).map(({ key }) => key);
    const { tensors } = this.session.catalogue;
    return this.totalsMemory.get([keys.join('\n'), this.epoch], () =>
      keys.map((key) => modelTotal(this.cells, tensors, keys, () => key)),
    );
  }

  pick(state: SensitivityState): (tensor: number) => TensorPick {
    return draftPicks(this.draft(state), this.places, this.cells);
  }

  recipeTotal(state: SensitivityState): ModelTotal {
    const { base, rules } = this.draft(state);
    const keys = this.columns(state).map(({ key }) => key);
    return this.recipeMemory.get([base, state.rules, rules.length, this.epoch], () =>
      modelTotal(this.cells, this.session.catalogue.tensors, keys, this.pick(state)),
    );
  }

  /** The recipe as it would be saved. */
  recipe(state: SensitivityState): Recipe {
    const draft = this.draft(state);
    const { base, rules } = draft;
    return this.writtenMemory.get([base, state.rules, rules.length, this.epoch], () =>
      recipeFrom(draft, this.places, this.cells, this.byKey, draftName(draft)),
    );
  }

  /** What the engine makes of it from headers alone; undefined while cells are missing that its rules depend on. */
  plan(state: SensitivityState): PlanState | undefined {
    return this.recipeTotal(state).unknown > 0
      ? undefined
      : this.planning.of(this.recipe(state), this.recipeMatrix(state));
  }

  /** Tensors of which a column lacks a cell, and those columns. */
  missing(columns: readonly SchemeOffer[]): { tensors: readonly number[]; offers: readonly SchemeOffer[] } {
    const offers = columns.filter(({ key }) => this.cells.known(key) < this.cells.count);
    const tensors = new Set<number>();
    for (const { key } of offers) for (const tensor of this.cells.missing(key)) tensors.add(tensor);
    // In the map's order, so that it fills from the top.
    const ordered = this.rows.flatMap((row) => row.tensors.filter((tensor) => tensors.has(tensor)));
    return { tensors: ordered, offers };
  }

  /** Tensors that are known from samples alone, and the columns with such. */
  sampled(columns: readonly SchemeOffer[]): { tensors: readonly number[]; offers: readonly SchemeOffer[] } {
    const offers = columns.filter(({ key }) => this.cells.sampled(key) > 0);
    const tensors: number[] = [];
    for (let tensor = 0; tensor < this.cells.count; tensor++) {
      if (offers.some(({ key }) => this.cells.get(key, tensor)?.sampled)) tensors.push(tensor);
    }
    return { tensors, offers };
  }
}
