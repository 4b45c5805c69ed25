/** Results of the commands as JSON documents (the contract of the command line) and as text. */
import { binarySize, parameterCount } from '../numeric/sizeText';
import type {
  AxisStats,
  Catalogue,
  Finding,
  QuantizeReport,
  SchemeChoice,
  TensorError,
  TensorStats,
} from '../protocol/engineApi';
import { unmeasuredCount } from '../protocol/measuredReport';
import type { Recipe } from '../protocol/recipeApi';
import { figure, printable, textTable } from './textTable';

/** JSON has no integers beyond 2^53 that survive every reader, so those are strings. */
function integer(value: number): number | string {
  return Number.isSafeInteger(value) ? value : BigInt(Math.trunc(value)).toString();
}

interface TensorRow {
  readonly name: string;
  readonly dtype: string;
  readonly shape: number[];
  readonly elements: number;
  readonly bytes: number;
  readonly file: string;
  readonly byteOffset: number;
}

function tensorRows({ tensors, files }: Catalogue): TensorRow[] {
  return Array.from({ length: tensors.count }, (_, index) => ({
    name: tensors.names[index]!,
    dtype: tensors.dtypes[tensors.dtype[index]!]!,
    shape: Array.from(
      tensors.shapes.subarray(index === 0 ? 0 : tensors.shapeEnd[index - 1]!, tensors.shapeEnd[index]!),
    ),
    elements: tensors.elements[index]!,
    bytes: tensors.bytes[index]!,
    file: files[tensors.file[index]!]?.path ?? '',
    byteOffset: tensors.byteOffset[index]!,
  }));
}

function dtypeTotals(
  rows: readonly TensorRow[],
): Map<string, { tensors: number; parameters: number; bytes: number }> {
  const totals = new Map<string, { tensors: number; parameters: number; bytes: number }>();
  for (const { dtype, elements, bytes } of rows) {
    const total = totals.get(dtype) ?? { tensors: 0, parameters: 0, bytes: 0 };
    total.tensors++;
    total.parameters += elements;
    total.bytes += bytes;
    totals.set(dtype, total);
  }
  return totals;
}

export function inspectJson(catalogue: Catalogue): unknown {
  const rows = tensorRows(catalogue);
  const unreadable = new Map(catalogue.tensors.unreadable.map(({ index, reason }) => [index, reason]));
  const pieces = new Map(catalogue.tensors.pieces.map((entry) => [entry.index, entry.pieces]));
  return {
    format: catalogue.format,
    name: catalogue.name,
    files: catalogue.files.map(({ path, bytes }) => ({ path, bytes: integer(bytes) })),
    architecture: catalogue.architecture ?? null,
    quantization: catalogue.quantization ?? null,
    parameters: integer(catalogue.parameters),
    bytes: integer(catalogue.bytes),
    dtypes: Object.fromEntries(
      [...dtypeTotals(rows)].map(([dtype, total]) => [
        dtype,
        { tensors: total.tensors, parameters: integer(total.parameters), bytes: integer(total.bytes) },
      ]),
    ),
    memory: Object.fromEntries(catalogue.memory.map(({ label, bytes }) => [label, integer(bytes)])),
    tensors: rows.map((row, index) => ({
      ...row,
      shape: row.shape.map(integer),
      elements: integer(row.elements),
      bytes: integer(row.bytes),
      byteOffset: integer(row.byteOffset),
      ...(unreadable.has(index) ? { unreadable: unreadable.get(index) } : {}),
      ...(pieces.has(index) ? { pieces: pieces.get(index) } : {}),
    })),
    // Built by defineProperty semantics, so that a key named __proto__ stays a plain key.
    metadata: Object.fromEntries(catalogue.metadata.map(({ key, value }) => [key, value])),
    findings: catalogue.findings,
  };
}

export function inspectText(catalogue: Catalogue): string {
  const rows = tensorRows(catalogue);
  const lines = [
    `${printable(catalogue.name)}  ${catalogue.format}${catalogue.architecture ? `  ${printable(catalogue.architecture.name)}` : ''}`,
    `${parameterCount(catalogue.parameters)} parameters, ${binarySize(catalogue.bytes)} (${catalogue.bytes} bytes) in ${catalogue.files.length} ${catalogue.files.length === 1 ? 'file' : 'files'}`,
    [...dtypeTotals(rows)]
      .map(([dtype, { tensors, bytes }]) => `${dtype}: ${tensors} tensors, ${binarySize(bytes)}`)
      .join('; '),
    ...(catalogue.quantization
      ? [
          `quantized: ${printable(catalogue.quantization.method)} in ${catalogue.quantization.weights} of ${catalogue.tensors.count} tensors, ${catalogue.quantization.bitsPerWeight.toFixed(2)} bits a weight`,
        ]
      : []),
    `weights in ${catalogue.memory.map(({ label, bytes }) => `${label} ${binarySize(bytes)}`).join(', ')}`,
    '',
    textTable(
      [
        { title: 'Tensor' },
        { title: 'dtype' },
        { title: 'shape', align: 'right' },
        { title: 'bytes', align: 'right' },
        { title: 'at byte', align: 'right' },
      ],
      rows.map(({ name, dtype, shape, bytes, byteOffset }) => [
        name,
        dtype,
        shape.join(' × ') || 'scalar',
        String(bytes),
        String(byteOffset),
      ]),
    ),
  ];
  lines.push(...findingLines(catalogue.findings));
  return lines.join('\n');
}

function findingLines(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  return [
    '',
    'Findings',
    ...findings.map(({ severity, code, message, tensor, byteOffset }) => {
      const where = [tensor && `tensor ${tensor}`, byteOffset !== undefined && `byte ${byteOffset}`]
        .filter(Boolean)
        .join(', ');
      return printable(`  ${severity} ${code}: ${message}${where ? ` (${where})` : ''}`);
    }),
  ];
}

export function statsJson(rows: readonly TensorStats[], findings: readonly Finding[]): unknown {
  return {
    tensors: rows.map(({ histogram, channels, ...row }) => ({
      ...row,
      histogram: histogram && {
        min: histogram.min,
        max: histogram.max,
        counts: Array.from(histogram.counts),
      },
      ...(channels
        ? {
            channels: {
              rows: axisJson(channels.rows),
              columns: axisJson(channels.columns),
              outlierRows: channels.rows.outliers,
              outlierColumns: channels.columns.outliers,
              int8Columns: channels.int8Columns,
            },
          }
        : {}),
    })),
    findings,
  };
}

const axisJson = ({ absmax, rms }: AxisStats) => ({ absmax: Array.from(absmax), rms: Array.from(rms) });

export function statsText(rows: readonly TensorStats[], findings: readonly Finding[]): string {
  const withChannels = rows.some(({ outlierChannels }) => outlierChannels);
  const right = (title: string) => ({ title, align: 'right' as const });
  const table = textTable(
    [
      { title: 'Tensor' },
      right('min'),
      right('max'),
      right('mean'),
      right('std'),
      right('skew'),
      right('kurtosis'),
      right('crest'),
      right('bits'),
      right('>3σ'),
      right('>6σ'),
      right('NaN'),
      right('±Inf'),
      ...(withChannels ? [right('rows'), right('columns')] : []),
    ],
    rows.map((row) => [
      row.name,
      figure(row.min),
      figure(row.max),
      figure(row.mean),
      figure(row.std),
      figure(row.skewness),
      figure(row.kurtosis),
      figure(row.crest),
      row.entropy === null ? figure(null) : row.entropy.toFixed(1),
      String(row.outliers.sigma3),
      String(row.outliers.sigma6),
      String(row.nan),
      row.inf === 0 ? '0' : `${row.posInf}/${row.negInf}`,
      ...(withChannels ? channelCells(row.outlierChannels) : []),
    ]),
  );
  return [table, ...findingLines(findings)].join('\n');
}

/** How many rows and columns are outliers, and the share of the energy in them. */
function channelCells(channels: TensorStats['outlierChannels']): string[] {
  if (!channels) return ['', ''];
  const cell = (count: number, energy: number) =>
    count === 0 ? '0' : `${count} (${(100 * energy).toFixed(1)} %)`;
  return [cell(channels.rows, channels.rowEnergy), cell(channels.columns, channels.columnEnergy)];
}

export function errorsJson(
  choice: SchemeChoice | { readonly recipe: Recipe },
  rows: readonly TensorError[],
  grids: ReadonlyMap<string, number[][]>,
): unknown {
  return {
    ...choice,
    tensors: rows.map((row) => (grids.has(row.name) ? { ...row, grid: grids.get(row.name) } : row)),
  };
}

export function errorTable(rows: readonly TensorError[]): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  return textTable(
    [
      { title: 'Tensor' },
      { title: 'from' },
      { title: 'to' },
      right('bytes'),
      right('SQNR dB'),
      right('MSE'),
      right('max |e|'),
      right('cosine'),
      { title: '' },
    ],
    rows.map((row) => {
      const kept = row.from === row.to || row.isUnmeasured;
      return [
        row.name,
        row.from,
        row.to,
        String(row.bytes),
        kept ? '' : row.sqnr === null ? 'exact' : row.sqnr.toFixed(2),
        kept ? '' : figure(row.mse),
        kept ? '' : figure(row.maxAbs),
        kept ? '' : row.cosine.toFixed(6),
        [row.note, row.isUnmeasured ? 'not measured' : ''].filter(Boolean).join('; '),
      ];
    }),
  );
}

/** What each tensor becomes, with its exact size; nothing is known of errors. */
function planTable(rows: readonly TensorError[]): string {
  return textTable(
    [
      { title: 'Tensor' },
      { title: 'from' },
      { title: 'to' },
      { title: 'bytes', align: 'right' },
      { title: '' },
    ],
    rows.map(({ name, from, to, bytes, note = '' }) => [
      name,
      from,
      to,
      String(bytes),
      note.startsWith('kept') ? note : '',
    ]),
  );
}

/** Of a GGUF output, as llama.cpp counts: all tensors' bits by all values. */
function bitsText({ fileType, bitsPerWeight }: QuantizeReport): string {
  if (fileType === undefined || bitsPerWeight === undefined) return '';
  return `, ${bitsPerWeight.toFixed(2)} bits per weight in ${fileType}`;
}

const errorFigures: ReadonlySet<string> = new Set(['mse', 'sqnr', 'maxAbs', 'cosine', 'meanAbs']);

/** Rows whose errors were not measured have no figures: JSON would tell them as null, which is an exact copy's SQNR. */
export function quantizeJson<R extends Pick<QuantizeReport, 'tensors'>>(report: R): unknown {
  const withoutFigures = (row: TensorError): object =>
    Object.fromEntries(Object.entries(row).filter(([name]) => !errorFigures.has(name)));
  return { ...report, tensors: report.tensors.map((row) => (row.isUnmeasured ? withoutFigures(row) : row)) };
}

/** A path as a shell takes it: in quotes where it holds more than plain characters. */
function quotedArgument(text: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(text)) return text;
  return process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}

/** How to have the errors that were left for later. */
function unmeasuredText(report: QuantizeReport): string[] {
  const count = unmeasuredCount(report);
  if (count === 0) return [];
  const what = count === 1 ? 'The error of one tensor was' : `The errors of ${count} tensors were`;
  const paths = [report.source, report.open].map(quotedArgument).join(' ');
  return [`${what} not measured. To measure: tensor-loupe compare ${printable(paths)}`];
}

export function quantizeText(report: QuantizeReport, dryRun: boolean): string {
  const ratio = Math.round((100 * report.bytesAfter) / Math.max(1, report.bytesBefore));
  return [
    dryRun ? planTable(report.tensors) : errorTable(report.tensors),
    '',
    ...(report.warnings ?? []).map((warning) => `warning: ${printable(warning)}`),
    `${report.sourceName}: ${binarySize(report.bytesBefore)} → ${binarySize(report.bytesAfter)} (${ratio} %)${bitsText(report)}`,
    dryRun
      ? `Dry run: nothing was written.${spaceText(report)}`
      : `${report.seconds.toFixed(2)} s on ${report.backend.reason}`,
    ...report.outputs.map((output) => `  ${printable(output)}`),
    ...unmeasuredText(report),
  ].join('\n');
}

function spaceText({ space }: QuantizeReport): string {
  if (!space) return '';
  const free = space.freeBytes === undefined ? '' : `; ${binarySize(space.freeBytes)} are free there`;
  return ` Writing needs ${binarySize(space.neededBytes)}${free}.`;
}
