/** Size and error of many tensors under several choices, without writing anything. */
import { LoupeError } from '../../errors';
import type { EngineContract, SensitivityCell } from '../../protocol/engineApi';
import { resolveChoice } from '../../quant/choice';
import { encodingFor } from '../../quant/encoding';
import { storedBytes } from '../../quant/scheme';
import type { SchemeChoice } from '../../quant/types';
import type { OpenedCheckpoint } from '../checkpointCache';
import { encodedSource } from '../encode/encodedSource';
import { settingOf } from '../encode/quantizeTensor';
import { failsAlone } from '../failsAlone';
import { type ModelImportance, modelImportance, weighedSetting } from '../importance/modelImportance';
import type { Engine, JobContext } from '../jobs';
import type { Block } from '../matrix';
import { decisionFor } from '../recipe/policy';
import { withLayers } from '../recipe/pruneLayers';
import { knownExtremes } from '../stats/knownExtremes';
import { type TensorSource, tensorSource } from '../tensorSource';
import { inOrder } from '../worker/inOrder';
import { binsOf, type MeasuredChoice, measureSample, measureWhole } from './measureTensor';
import { bandNeeds, sampleBands } from './sampleBands';
import {
  type CellFigures,
  choiceKey,
  KnownCells,
  leftCell,
  type Measured,
  measuredCell,
  totalOf,
} from './sensitivityCells';

type SensitivityMethod = EngineContract['sensitivity'];
type Params = Omit<SensitivityMethod['params'], 'path' | 'generation'>;

const intervalMs = 100;

/**
 * A cell for each tensor and choice, told at most every `intervalMs` as they are known. What fails for one tensor under one choice is its
 * cell's; throws `usage` for choices and samples that do not exist, and what reading the importance matrix throws.
 */
export async function sensitivityJob(
  engine: Engine,
  opened: OpenedCheckpoint,
  params: Params,
  { signal, progress }: JobContext<SensitivityMethod['progress']>,
): Promise<SensitivityMethod['result']> {
  const { tensors, pure = false, sampleValues, imatrix } = params;
  if (sampleValues !== undefined && !(sampleValues >= 1))
    throw new LoupeError('usage', 'A sample has at least one value of a tensor.');
  for (const choice of params.choices) resolveChoice(choice);
  const choices: SchemeChoice[] = [];
  for (const choice of params.choices)
    choices.push(await withLayers(engine, opened, choice, pure, { signal }));
  const importance = imatrix === undefined ? undefined : await modelImportance(opened, imatrix);
  const comparison = new Comparison(engine, opened, { choices, pure, sampleValues, importance }, signal);
  const all: CellFigures[][] = [];
  let fresh: SensitivityCell[] = [];
  let done = 0;
  let lastMs = performance.now();
  const send = () => {
    lastMs = performance.now();
    progress({ done, total: tensors.length, cells: fresh });
    fresh = [];
  };
  const numbered = (figures: readonly CellFigures[]): SensitivityCell[] =>
    figures.map(({ cell }, choice) => ({ ...cell, choice }));
  await inOrder(
    tensors,
    engine.pool.size + 1,
    signal,
    async (index) => {
      const row = await comparison.row(index);
      done++;
      fresh.push(...numbered(row));
      if (performance.now() - lastMs >= intervalMs) send();
      return row;
    },
    (row) => {
      all.push(row);
    },
  );
  send();
  return {
    cells: all.flatMap(numbered),
    totals: choices.map((_, i) =>
      totalOf(
        opened.checkpoint.tensors,
        all.map((row) => row[i]!),
        (index) => comparison.bytesOf(index, i),
      ),
    ),
  };
}

/** A choice that is to be measured on a tensor. */
interface Pending extends MeasuredChoice {
  /** Place among the choices. */
  readonly place: number;
  readonly key: string;
  /** The tensor by the rows that the choice takes. */
  readonly source: TensorSource;
  /** Why errors are not weighed, where they could be. */
  readonly note: string | undefined;
  /** Undefined: the whole tensor is read. */
  readonly bands: readonly Block[] | undefined;
}

interface Asked {
  readonly choices: readonly SchemeChoice[];
  readonly pure: boolean;
  readonly sampleValues: number | undefined;
  readonly importance: ModelImportance | undefined;
}

class Comparison {
  private readonly known: KnownCells;
  /** Bytes of a choice by type and shape. */
  private readonly sizes: readonly Map<string, number>[];

  constructor(
    private readonly engine: Engine,
    private readonly opened: OpenedCheckpoint,
    private readonly asked: Asked,
    private readonly signal: AbortSignal,
  ) {
    this.known = new KnownCells(opened);
    this.sizes = asked.choices.map(() => new Map());
  }

  /** What a tensor takes under a choice, from its shape alone. */
  bytesOf(index: number, place: number): number {
    const { checkpoint } = this.opened;
    const { choices, pure, importance } = this.asked;
    const tensor = this.opened.tensor(index);
    const choice = choices[place]!;
    if (!decisionFor(checkpoint, tensor, pure, choice).quantize) return tensor.bytes;
    if (typeof tensorSource(checkpoint, tensor) === 'string') return tensor.bytes;
    const source = encodedSource(this.opened, index, choice);
    const isWeighed = importance?.of(index).values !== undefined;
    const key = `${source.dtype} ${source.rows} ${source.columns} ${isWeighed}`;
    let bytes = this.sizes[place]!.get(key);
    if (bytes === undefined) {
      try {
        const { setting } = weighedSetting(settingOf(choice, source), importance, index);
        bytes = storedBytes(encodingFor(setting).pieces());
      } catch (thrown) {
        if (!failsAlone(LoupeError.from(thrown))) throw thrown;
        bytes = tensor.bytes;
      }
      this.sizes[place]!.set(key, bytes);
    }
    return bytes;
  }

  /** The cells of a tensor in the choices' order. */
  async row(index: number): Promise<CellFigures[]> {
    const { opened } = this;
    const tensor = opened.tensor(index);
    const { choices, pure } = this.asked;
    const row = new Array<CellFigures>(choices.length);
    const pending: Pending[] = [];
    for (const [place, choice] of choices.entries()) {
      const decision = decisionFor(opened.checkpoint, tensor, pure, choice);
      if (!decision.quantize) {
        row[place] = leftCell(index, tensor, 'kept', decision.reason);
        continue;
      }
      try {
        const found = this.pendingOf(index, place, choice);
        const cell = this.known.get(found.key);
        if (cell) row[place] = cell;
        else pending.push(found);
      } catch (thrown) {
        row[place] = this.failed(index, LoupeError.from(thrown));
      }
    }
    if (pending.length === 0) return row;
    const bins = await binsOf(this.engine, opened.source(index), this.signal);
    const extremes = knownExtremes(opened, index);
    for (const { source, bands, members } of grouped(pending)) {
      const measured = bands
        ? await measureSample(this.engine, source, members, { bands, bins, extremes }, this.signal)
        : await measureWhole(this.engine, source, members, bins, this.signal, this.opened.checkpoint);
      for (const [i, { place, key, note }] of members.entries()) {
        const outcome = measured[i]!;
        const cell =
          'code' in outcome
            ? this.failed(index, LoupeError.fromJSON(outcome))
            : measuredCell(index, tensor, withNote(outcome, note));
        row[place] = cell;
        this.known.put(key, cell);
      }
    }
    return row;
  }

  /** Throws what fails alone where scheme and tensor do not fit, or values cannot be read. */
  private pendingOf(index: number, place: number, choice: SchemeChoice): Pending {
    const source = encodedSource(this.opened, index, choice);
    const { sampleValues, importance } = this.asked;
    const { setting, note } = weighedSetting(settingOf(choice, source), importance, index);
    const encoding = encodingFor(setting);
    const headRows = setting.choice.prune === 'heads' ? (setting.choice.headSize ?? 1) : 1;
    // The usual scales of a graph's weights run across rows: those of a sample would be too small by decibels.
    const isWhole = sampleValues === undefined || (setting.graph && encoding.surveys.length > 0);
    const bands = isWhole
      ? undefined
      : sampleBands(source.name, source, sampleValues, bandNeeds(encoding, source.columns, headRows));
    const how = bands ? `${sampleValues} ${knownExtremes(this.opened, index) !== undefined}` : 'exact';
    const weights = setting.importance && importance?.of(index);
    const weighing = weights?.values ? ` by ${weights.stamp}` : (note ?? '');
    const key = `${index} ${how} ${choiceKey(choice)}${weighing}`;
    return { place, key, source, setting, encoding, bands, note };
  }

  private failed(index: number, error: LoupeError): CellFigures {
    if (!failsAlone(error)) throw error;
    return leftCell(index, this.opened.tensor(index), 'failed', error.message);
  }
}

const withNote = (measured: Measured, note: string | undefined): Measured =>
  note === undefined ? measured : { ...measured, note: [measured.note, note].filter(Boolean).join(' ') };

/** Choices that look at the same rows, which are then read once for all of them. */
function grouped(
  pending: readonly Pending[],
): (Pick<Pending, 'source' | 'bands'> & { members: readonly Pending[] })[] {
  const groups = new Map<string, Pick<Pending, 'source' | 'bands'> & { members: Pending[] }>();
  for (const choice of pending) {
    const { source, bands } = choice;
    const key = `${source.columns} ${bands?.map(({ row, rows }) => `${row}+${rows}`).join(' ') ?? ''}`;
    const group = groups.get(key) ?? { source, bands, members: [] };
    group.members.push(choice);
    groups.set(key, group);
  }
  return [...groups.values()];
}
