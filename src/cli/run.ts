/** Runs one command of the command line against the engine and prints its result. */
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineClient } from '../engine/client';
import { type ErrorCode, LoupeError } from '../errors';
import { binarySize } from '../numeric/sizeText';
import type { Catalogue, Finding, QuantizeRequest, TensorStats } from '../protocol/engineApi';
import { isImportanceMatrix } from '../protocol/importanceApi';
import { unfinishedText } from '../protocol/unfinishedText';
import { limitFindings, valueFindings } from '../protocol/valueFindings';
import { matrixOptions, recipeMatrix } from '../quant/recipeMatrix';
import { showBackends } from './backendCommand';
import { showComparison, showSensitivity } from './compareCommands';
import { editMetadata } from './editMetadata';
import { headSizeLines, lacksHeadSize, withHeadSize } from './headSize';
import { importanceText } from './importanceText';
import { showMemory } from './memoryCommand';
import { type CliOptions, globPattern, parseOptions } from './options';
import {
  errorsJson,
  errorTable,
  inspectJson,
  inspectText,
  quantizeJson,
  quantizeText,
  statsJson,
  statsText,
} from './output';
import { readRecipeFile } from './recipe';
import { TerminalProgress } from './terminalProgress';
import { printable } from './textTable';
import { usage } from './usage';
import { type Print, saveTensor, showTensor } from './view';

const exitCodes: Record<ErrorCode, number> = {
  usage: 2,
  'not-found': 3,
  'not-a-checkpoint': 3,
  malformed: 3,
  unsupported: 3,
  refused: 3,
  'non-finite': 3,
  exists: 3,
  cancelled: 4,
  changed: 5,
  io: 5,
  compute: 5,
  'engine-died': 5,
};

/** Runs the command line; resolves to the exit code. Ctrl-C cancels the running job and waits for its clean-up. */
export async function runCli(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const controller = new AbortController();
  const onInterrupt = () => controller.abort();
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  const engine = new EngineClient({ enginePath: fileURLToPath(new URL('./engine.js', import.meta.url)) });
  try {
    const options = parseOptions(args);
    if (options === 'help') {
      process.stdout.write(`${usage}\n`);
      return 0;
    }
    return await runCommand(engine, options, controller.signal);
  } catch (thrown) {
    const error = LoupeError.from(thrown);
    if (json) process.stdout.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
    else process.stderr.write(`${describe(error)}\n${error.code === 'usage' ? `\n${usage}\n` : ''}`);
    return exitCodes[error.code];
  } finally {
    engine.dispose();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

/** Names from files stay text: what would steer a terminal is spelled out. */
function describe(error: Pick<Finding, 'message' | 'file' | 'tensor' | 'byteOffset'>): string {
  const where = [
    error.file === undefined ? '' : `file ${error.file}`,
    error.tensor === undefined ? '' : `tensor ${error.tensor}`,
    error.byteOffset === undefined ? '' : `byte ${error.byteOffset}`,
  ].filter((part) => part !== '');
  const message = `tensor-loupe: ${printable(error.message)}`;
  return where.length > 0 ? `${message}\n  ${printable(where.join(', '))}` : message;
}

function print(options: CliOptions, document: unknown, text: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(document)}\n` : `${text}\n`);
}

async function runCommand(engine: EngineClient, options: CliOptions, signal: AbortSignal): Promise<number> {
  if (options.command === 'backends') {
    await showBackends(engine, options.backends, signal, (document, text) => print(options, document, text));
    return 0;
  }
  const file = path.resolve(options.path);
  if (!existsSync(file)) throw new LoupeError('not-found', `There is no ${file}.`, { file });
  const out: Print = (document, text) => print(options, document, text);
  switch (options.command) {
    case 'inspect': {
      const catalogue = await engine.call('open', { path: file }, { signal });
      if (isImportanceMatrix(catalogue)) {
        const importance = await engine.call('importance', { path: file }, { signal });
        print(options, { checkpoint: inspectJson(catalogue), importance }, importanceText(importance));
      } else print(options, inspectJson(catalogue), inspectText(catalogue));
      return exitCodeOf(catalogue.findings);
    }
    case 'stats':
      return stats(engine, file, options, signal);
    case 'quantize':
      return quantize(engine, file, options, signal);
    case 'error':
      return errors(engine, file, options, signal);
    case 'sensitivity': {
      const { sensitivity, pure } = options;
      if (!sensitivity) throw new LoupeError('usage', 'sensitivity needs --schemes.');
      const catalogue = await engine.call('open', { path: file }, { signal });
      const tensors = selectTensors(catalogue, options.tensors);
      await showSensitivity(engine, catalogue, tensors, { ...sensitivity, pure }, signal, out);
      return toldExitCode(catalogue.findings);
    }
    case 'memory': {
      const { isConfig, ...asked } = options.memory!;
      return showMemory(engine, { ...asked, ...(isConfig ? { config: file } : { path: file }) }, signal, out);
    }
    case 'edit-metadata': {
      const { edit, out: target, overwrite, dryRun } = options;
      return editMetadata(engine, file, { edit: edit!, out: target, overwrite, dryRun }, signal, out);
    }
    case 'compare':
      return compare(engine, file, options, signal, out);
    case 'show':
    case 'save': {
      const { command, view } = options;
      if (!view) throw new LoupeError('usage', `${command} needs the name of a TENSOR.`);
      return command === 'show'
        ? showTensor(engine, file, view, signal, out)
        : saveTensor(engine, file, { ...options, view }, signal, out);
    }
  }
}

async function compare(
  engine: EngineClient,
  file: string,
  options: CliOptions,
  signal: AbortSignal,
  out: Print,
): Promise<number> {
  const other = path.resolve(options.other ?? '');
  if (!existsSync(other)) throw new LoupeError('not-found', `There is no ${other}.`, { file: other });
  const [first, second] = await Promise.all(
    [file, other].map((one) => engine.call('open', { path: one }, { signal })),
  );
  const tensors = options.tensors.length > 0 ? selectTensors(first!, options.tensors) : undefined;
  await showComparison(engine, { path: file, other }, tensors, signal, out);
  return toldExitCode([...first!.findings, ...second!.findings]);
}

/** As `exitCodeOf` for commands whose output lists no findings: what is behind a code of 3 is told beside it. */
function toldExitCode(findings: readonly Finding[]): number {
  const errors = findings.filter(({ severity }) => severity === 'error');
  for (const finding of errors.slice(0, mostTold)) process.stderr.write(`${describe(finding)}\n`);
  if (errors.length > mostTold)
    process.stderr.write(`tensor-loupe: ${errors.length - mostTold} more faults; inspect lists them.\n`);
  return exitCodeOf(findings);
}
const mostTold = 5;

/** Errors among the findings, of the headers or of the values that were read, are told by the exit code. */
function exitCodeOf(findings: readonly Finding[]): number {
  return findings.some((finding) => finding.severity === 'error') ? 3 : 0;
}

/** Indices of the tensors whose names match any glob; all without globs. */
function selectTensors(catalogue: Catalogue, globs: readonly string[]): number[] {
  const patterns = globs.map(globPattern);
  const selected: number[] = [];
  for (let index = 0; index < catalogue.tensors.count; index++) {
    const name = catalogue.tensors.names[index] ?? '';
    if (patterns.length === 0 || patterns.some((pattern) => pattern.test(name))) selected.push(index);
  }
  if (selected.length === 0 && globs.length > 0) {
    throw new LoupeError('usage', `No tensor matches ${globs.join(', ')}.`, { file: catalogue.path });
  }
  return selected;
}

/** What `--cache` may take on disk, in MiB. */
const cacheLimitMB = 1024;

function withoutChannels({ channels: _, outlierChannels: __, ...row }: TensorStats): TensorStats {
  return row;
}

async function stats(
  engine: EngineClient,
  file: string,
  options: CliOptions,
  signal: AbortSignal,
): Promise<number> {
  const catalogue = await engine.call('open', { path: file }, { signal });
  const tensors = selectTensors(catalogue, options.tensors);
  const progress = new TerminalProgress('Analyzing');
  try {
    const isFull = options.channels || (options.cache !== undefined && options.json);
    const answer = await engine.call(
      'stats',
      {
        path: file,
        generation: catalogue.generation,
        tensors,
        // What is kept serves later runs whatever they ask for; the table alone needs no more than a summary.
        channels: isFull ? 'full' : options.cache === undefined ? 'none' : 'summary',
        ...(options.cache === undefined
          ? {}
          : { cache: { folder: path.resolve(options.cache), limitMB: cacheLimitMB } }),
      },
      {
        signal,
        progress: ({ done, total, bytesDone, bytesTotal }) =>
          progress.update(
            bytesDone / Math.max(1, bytesTotal),
            `${done} of ${total} tensors  ${binarySize(bytesDone)} of ${binarySize(bytesTotal)}`,
          ),
      },
    );
    const rows = options.channels ? answer : answer.map((row) => row && withoutChannels(row));
    const unreadable = new Map(catalogue.tensors.unreadable.map(({ index, reason }) => [index, reason]));
    for (const [position, row] of rows.entries()) {
      const index = tensors[position]!;
      if (row === null) {
        progress.message(
          `${catalogue.tensors.names[index]}: ${unreadable.get(index) ?? 'values cannot be read'}`,
        );
      }
    }
    progress.end();
    const read = rows.filter((row) => row !== null);
    const found = limitFindings(
      rows.flatMap((row, position) => {
        if (row === null) return [];
        const index = tensors[position]!;
        const { tensors: columns, files } = catalogue;
        return valueFindings(row, {
          name: row.name,
          file: files[columns.file[index]!]?.path,
          byteOffset: columns.byteOffset[index],
          dtype: columns.dtypes[columns.dtype[index]!],
        });
      }),
    );
    print(options, statsJson(read, found), statsText(read, found));
    return exitCodeOf([...catalogue.findings, ...found]);
  } finally {
    progress.end();
  }
}

async function quantize(
  engine: EngineClient,
  file: string,
  options: CliOptions,
  signal: AbortSignal,
): Promise<number> {
  const recipe = await readRecipeFile(options.recipe);
  const named = recipeMatrix(recipe, path.resolve(options.recipe ?? ''));
  const matrix = named === undefined ? undefined : matrixOptions(named, recipe?.imatrix?.file);
  const choice =
    recipe || !lacksHeadSize(options.choice)
      ? options.choice
      : withHeadSize(options.choice, await engine.call('open', { path: file }, { signal }), '--head-size N');
  const progress = new TerminalProgress('Quantizing');
  try {
    const request: QuantizeRequest = {
      path: file,
      ...choice,
      recipe,
      out: options.out === undefined ? undefined : path.resolve(options.out),
      backend: options.backend,
      overwrite: options.overwrite,
      pure: options.pure,
      dryRun: options.dryRun,
      gguf: matrix && !options.gguf?.imatrix ? { ...options.gguf, ...matrix } : options.gguf,
      maxShardBytes: options.maxShardBytes,
      keepFinished: options.resume,
      resume: options.resume,
      errors: options.errors,
    };
    if (options.resume) {
      const { unfinished } = await engine.call('quantize', { ...request, dryRun: true }, { signal });
      // What cannot be gone on with is refused below, with the reason.
      if (unfinished && unfinished.mismatch === undefined)
        progress.message(`Going on from ${unfinishedText(unfinished)}.`);
    }
    const report = await engine.call('quantize', request, {
      signal,
      progress: (state) =>
        progress.update(
          state.bytesDone / Math.max(1, state.bytesTotal),
          `${binarySize(state.bytesDone)} of ${binarySize(state.bytesTotal)}  ${state.tensor}`,
        ),
    });
    progress.end();
    // Of a GGUF output the mix is what was asked for.
    const scheme = report.fileType?.toLowerCase() ?? report.scheme;
    const text = [quantizeText(report, options.dryRun), ...headSizeLines(options.choice, choice)].join('\n');
    print(options, quantizeJson({ ...report, scheme }), text);
    return 0;
  } finally {
    progress.end();
  }
}

async function errors(
  engine: EngineClient,
  file: string,
  options: CliOptions,
  signal: AbortSignal,
): Promise<number> {
  const catalogue = await engine.call('open', { path: file }, { signal });
  const recipe = await readRecipeFile(options.recipe);
  const choice = recipe ? options.choice : withHeadSize(options.choice, catalogue, '--head-size N');
  const progress = new TerminalProgress('Comparing');
  try {
    const rows = await engine.call(
      'errors',
      {
        path: file,
        choice,
        recipe,
        imatrix: options.imatrix ?? recipeMatrix(recipe, path.resolve(options.recipe ?? '')),
        pure: options.pure,
        tensors: options.tensors.length > 0 ? selectTensors(catalogue, options.tensors) : undefined,
      },
      { signal, progress: ({ done, total, row }) => progress.update(done / total, row.name) },
    );
    const grids = new Map<string, number[][]>();
    if (options.grid) {
      const { rows: gridRows, columns } = options.grid;
      const against = { kind: 'scheme', choice, imatrix: options.imatrix } as const;
      for (const row of rows) {
        const tensor = catalogue.tensors.names.indexOf(row.name);
        const tile = await engine.call(
          'errorTile',
          { path: file, tensor, against, rows: gridRows, columns },
          { signal },
        );
        grids.set(
          row.name,
          Array.from({ length: tile.rows }, (_, r) =>
            Array.from(tile.error.subarray(r * tile.columns, (r + 1) * tile.columns)),
          ),
        );
      }
    }
    progress.end();
    const text = [errorTable(rows), ...headSizeLines(options.choice, choice)].join('\n');
    print(options, errorsJson(recipe ? { recipe } : choice, rows, grids), text);
    return toldExitCode(catalogue.findings);
  } finally {
    progress.end();
  }
}
