/** The commands `sensitivity`, which compares schemes, and `compare`, which compares two checkpoints. */
import { basename } from 'node:path';
import type { EngineClient } from '../engine/client';
import { binarySize } from '../numeric/sizeText';
import type {
  Catalogue,
  ComparedTensor,
  Comparison,
  SensitivityCell,
  SensitivityTotal,
} from '../protocol/engineApi';
import { type ImportanceCover, usualSampleValues } from '../protocol/sensitivityApi';
import { headSizeLines, withHeadSize } from './headSize';
import { type MetricName, metrics, type SensitivityOptions } from './schemeList';
import { TerminalProgress } from './terminalProgress';
import { figure, printable, textTable } from './textTable';
import type { Print } from './view';

/** Prints size and error of tensors under several schemes. */
export async function showSensitivity(
  engine: EngineClient,
  catalogue: Catalogue,
  tensors: readonly number[],
  { schemes, metric, exact, imatrix, pure }: SensitivityOptions & { readonly pure: boolean },
  signal: AbortSignal,
  print: Print,
): Promise<void> {
  const progress = new TerminalProgress('Comparing');
  try {
    const { path, generation } = catalogue;
    const choices = schemes.map(({ choice }) => withHeadSize(choice, catalogue, 'prune-heads:N'));
    const cover =
      imatrix === undefined
        ? undefined
        : await engine.call('importanceCover', { path, generation, imatrix }, { signal });
    const { cells, totals } = await engine.call(
      'sensitivity',
      {
        ...{ path, generation, tensors, pure, imatrix },
        choices,
        sampleValues: exact ? undefined : usualSampleValues,
      },
      {
        signal,
        progress: ({ done, total }) =>
          progress.update(done / Math.max(1, total), `${done} of ${total} tensors`),
      },
    );
    progress.end();
    const { names } = catalogue.tensors;
    print(
      {
        exact,
        ...(cover ? { imatrix: cover } : {}),
        schemes: choices.map((choice, i) => ({ ...choice, ...totals[i]! })),
        cells: cells.map(({ tensor, ...cell }) => ({ name: names[tensor], ...cell })),
      },
      [
        sensitivityText({ schemes, metric, cover }, tensors, names, cells, totals),
        ...new Set(schemes.flatMap(({ choice }, i) => headSizeLines(choice, choices[i]!))),
      ].join('\n'),
    );
  } finally {
    progress.end();
  }
}

interface Shown extends Pick<SensitivityOptions, 'schemes' | 'metric'> {
  readonly cover: ImportanceCover | undefined;
}

function sensitivityText(
  { schemes, metric, cover }: Shown,
  tensors: readonly number[],
  names: readonly string[],
  cells: readonly SensitivityCell[],
  totals: readonly SensitivityTotal[],
): string {
  const { key, title } = metrics[metric];
  const rows: string[][] = [];
  const notes = new Set<string>();
  let kept = 0;
  for (const [i, tensor] of tensors.entries()) {
    const own = cells.slice(i * schemes.length, (i + 1) * schemes.length);
    if (own.every(({ state }) => state === 'kept')) {
      kept++;
      continue;
    }
    rows.push([names[tensor]!, ...own.map((cell) => cellText(cell, key))]);
    for (const { state, note } of own) if (state !== 'kept' && note !== undefined) notes.add(note);
  }
  const sampled = cells.filter(({ sampled: sample }) => sample !== undefined).length;
  rows.push(
    [],
    ['Size of the model', ...totals.map(({ bytes }) => binarySize(bytes))],
    ['Bits per weight', ...totals.map(({ bitsPerWeight }) => bitsPerWeight.toFixed(3))],
    [
      'SQNR of all, dB',
      ...totals.map(({ sqnr, quantized }) => (quantized === 0 ? '—' : (sqnr?.toFixed(2) ?? 'exact'))),
    ],
    ['MSE of all', ...totals.map(({ mse, quantized }) => (quantized === 0 ? '—' : figure(mse)))],
  );
  return [
    title,
    textTable(
      [{ title: 'Tensor' }, ...schemes.map(({ text }) => ({ title: text, align: 'right' as const }))],
      rows,
    ),
    ...(kept > 0 ? ['', `${kept} ${kept === 1 ? 'tensor is' : 'tensors are'} kept under every scheme.`] : []),
    ...(sampled > 0 ? ['', samplingText(cells, metric)] : []),
    ...(cover ? ['', coverText(cover)] : []),
    ...[...notes].slice(0, mostNotes).map((note) => printable(note)),
    ...(notes.size > mostNotes
      ? [`And ${notes.size - mostNotes} more such notes; --json has them all.`]
      : []),
  ].join('\n');
}

/** Lines below the table that say of single cells what to know. */
const mostNotes = 12;

/** "GGUF's types weigh errors by model.imatrix: 28 of 30 matrices. It says nothing of lm_head.weight and 1 more." */
function coverText({ file, weighed, unweighed, entries, unused }: ImportanceCover): string {
  const lacking = unweighed.length;
  const others = lacking > 1 ? ` and ${lacking - 1} more` : '';
  return printable(
    [
      `GGUF's types weigh errors by ${basename(file)}: ${weighed} of ${weighed + lacking} matrices.`,
      ...(lacking > 0 ? [`It says nothing of ${unweighed[0]}${others}.`] : []),
      ...(unused > 0 ? [`${unused} of its ${entries} entries are for no tensor of this model.`] : []),
    ].join(' '),
  );
}

function cellText(cell: SensitivityCell, key: (typeof metrics)[MetricName]['key']): string {
  if (cell.state !== 'quantized') return cell.state;
  if (key === 'bytes') return String(cell.bytes);
  if (key === 'bitsPerWeight') return cell.bitsPerWeight.toFixed(3);
  if (key === 'sqnr') return cell.sqnr === null ? 'exact' : cell.sqnr.toFixed(2);
  if (key === 'cosine') return cell.cosine.toFixed(6);
  return figure(cell[key]);
}

/** How much a sample can be trusted: the widest interval stands for all. */
function samplingText(cells: readonly SensitivityCell[], metric: MetricName): string {
  let widest = 0;
  for (const { sampled } of cells) {
    if (sampled?.sqnrHigh != null && sampled.sqnrLow != null)
      widest = Math.max(widest, (sampled.sqnrHigh - sampled.sqnrLow) / 2);
  }
  const trust = metric === 'sqnr' ? `: within ${widest.toFixed(2)} dB with a confidence of 95 %` : '';
  return `Errors are from samples${trust}. Sizes are exact. --exact reads every value.`;
}

/** Prints two checkpoints tensor by tensor; `tensors` are of the first one, undefined: all. */
export async function showComparison(
  engine: EngineClient,
  paths: { readonly path: string; readonly other: string },
  tensors: readonly number[] | undefined,
  signal: AbortSignal,
  print: Print,
): Promise<void> {
  const progress = new TerminalProgress('Comparing');
  try {
    const comparison = await engine.call(
      'compare',
      { ...paths, tensors },
      { signal, progress: ({ done, total, row }) => progress.update(done / total, row.name) },
    );
    progress.end();
    print({ ...paths, ...comparison }, comparisonText(comparison));
  } finally {
    progress.end();
  }
}

function comparisonText({ tensors, onlyInFirst, onlyInSecond }: Comparison): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  const errors = ({ state, sqnr, mse, maxAbs, cosine }: ComparedTensor): string[] =>
    state === 'different'
      ? [sqnr?.toFixed(2) ?? '', figure(mse), figure(maxAbs), cosine.toFixed(6)]
      : [state === 'identical' || state === 'equal' ? 'exact' : '', '', '', ''];
  const list = (title: string, names: readonly string[]) =>
    names.length === 0 ? [] : ['', title, ...names.map((name) => `  ${printable(name)}`)];
  const counts = new Map<string, number>();
  for (const { state } of tensors) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [
    textTable(
      [
        { title: 'Tensor' },
        { title: 'first' },
        { title: 'second' },
        right('SQNR dB'),
        right('MSE'),
        right('max |e|'),
        right('cosine'),
        { title: '' },
      ],
      tensors.map((row) => [row.name, row.from, row.to, ...errors(row), row.note ?? row.state]),
    ),
    '',
    `${tensors.length} in both: ${[...counts].map(([state, count]) => `${count} ${state}`).join(', ') || 'none'}`,
    ...list('Only in the first', onlyInFirst),
    ...list('Only in the second', onlyInSecond),
  ].join('\n');
}
