/** Opens a model: finds its files, reads their headers, and joins them into one Checkpoint. */
import { basename, extname, join, resolve } from 'node:path';
import type { ByteSource } from '../bytes/byteSource';
import { type FileStore, localFiles } from '../bytes/fileStore';
import { LoupeError, throwIfAborted } from '../errors';
import { architectureFromAdapter, architectureFromConfig, architectureFromMetadata } from './architecture';
import { readArchive } from './archive';
import type { Checkpoint, CheckpointFile, CheckpointFormat, MetadataEntry, TensorInfo } from './checkpoint';
import { checkConfig } from './configChecks';
import { detectionBytes, type FileLayout, requireFormat } from './detect';
import { counted, defaultHeaderCapBytes, type FileContents, quoteName } from './fileContents';
import type { FindingList } from './findingList';
import { readLegacyMatrix } from './gguf/legacyMatrix';
import { readGguf } from './gguf/reader';
import { checkSplit } from './gguf/splitSet';
import { modelFolderName } from './hubCache';
import { configuredMethod, foldLayouts } from './layouts/foldLayouts';
import { readNpy } from './numpy/reader';
import { readOnnx } from './onnx/reader';
import type { OpenPreview, OpenProgress } from './openProgress';
import { readPickleFile } from './pytorch/legacyReader';
import { readSafetensors } from './safetensors/reader';
import { type ShardIndex, selectFiles } from './shardSet';
import { readSidecars } from './sidecars';
import { readSmallSpans } from './smallSpans';

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Largest header that is read; 100 MB, safetensors' own limit, unless it is raised. */
  readonly headerCapBytes?: number | undefined;
  /** How to open a weights file; tests count bytes through it. */
  readonly openSource?: ((path: string) => Promise<ByteSource>) | undefined;
  /** Where the files are; this machine's file system unless said otherwise. */
  readonly files?: FileStore | undefined;
  /** Hears of models of several files: at once what the index says, then of each file that is done. */
  readonly onProgress?: ((progress: OpenProgress) => void) | undefined;
}

/** Shards whose headers are read at the same time. */
const concurrency = 8;
/** Names of the index that are told before the headers are read. */
const previewedNames = 200;

interface OpenedFile {
  readonly file: CheckpointFile;
  readonly format: CheckpointFormat;
  readonly contents: FileContents;
}

/**
 * Opens a model's file of any format, an *.index.json, or a folder, reading headers only. Faults that leave the
 * header readable become findings; a shard that is missing or refused becomes one too, and its tensors are
 * absent. Throws a LoupeError when nothing can be shown: `not-found`, `not-a-checkpoint`, `malformed`,
 * `unsupported`, `io` or `cancelled`.
 */
export async function openCheckpoint(path: string, options: OpenOptions = {}): Promise<Checkpoint> {
  throwIfAborted(options.signal);
  const absolute = resolve(path);
  const selection = await selectFiles(
    absolute,
    options.headerCapBytes ?? defaultHeaderCapBytes,
    options.files,
  );
  const { folder, index, stem, findings } = selection;
  options.onProgress?.({
    filesDone: 0,
    filesTotal: selection.files.length,
    ...(index ? { preview: previewOf(index, modelFolderName(folder) || stem) } : {}),
  });
  const opened = await openFiles(selection.files, index, findings, options);
  const files = opened.flatMap(({ file, contents }) => [file, ...(contents.dataFiles ?? [])]);
  const format = opened[0]!.format;
  for (const { contents } of opened) for (const finding of contents.findings) findings.add(finding);

  const stored = joinTensors(opened, files, index, findings);
  if (index) checkIndex(index, stored, files, findings);
  const metadata = joinMetadata(opened);
  if (format === 'gguf') {
    const parts = opened.map(({ file, contents }) => ({
      path: file.path,
      metadata: contents.metadata,
      tensorCount: contents.tensors.length,
    }));
    checkSplit(parts, selection.files, findings);
  }
  const isTransformers =
    format === 'safetensors' || (format === 'pytorch' && /^(pytorch|adapter)_model$/.test(stem));
  const sidecars = isTransformers ? await readSidecars(folder, findings, options.files) : [];
  const sidecar = (name: string) => sidecars.find((each) => each.name === name);
  const config = sidecar('config.json')?.value;
  const adapter = sidecar('adapter_config.json')?.value;
  const filePath = (file: number) => files[file]!.path;
  const open = options.openSource ?? options.files?.open ?? localFiles.open;
  const folded = await foldLayouts(
    stored,
    filePath,
    (spans) => readSmallSpans(spans, (file) => open(filePath(file)), options.signal),
    config,
    opened[0]!.contents.quantizedUses,
  );
  for (const finding of folded.findings) findings.add(finding);

  const isAdapter = adapter !== undefined && (stem === 'adapter_model' || !config);
  const architecture =
    format === 'gguf'
      ? architectureFromMetadata(metadata)
      : ((isAdapter ? architectureFromAdapter(adapter, config) : undefined) ??
        (config && architectureFromConfig(config)));
  if (config && !isAdapter) {
    const path = join(folder, 'config.json');
    checkConfig(config, architecture, folded.tensors, path, findings);
    if (!folded.quantization && configuredMethod(config) !== undefined)
      findings.add({
        severity: 'info',
        code: 'quantization-unknown',
        message: `config.json says that the model is quantized (${quoteName(configuredMethod(config)!)}), in no layout that is known here: tensors are shown as they are stored.`,
        file: path,
      });
  }
  const isFolderModel =
    isTransformers &&
    (sidecar('config.json') !== undefined ||
      index !== undefined ||
      /^((pytorch_)?model|adapter_model)/.test(stem));
  return {
    format,
    name: (isFolderModel && modelFolderName(folder)) || stem,
    path: absolute,
    folder,
    files,
    tensors: folded.tensors,
    metadata,
    ...(config ? { config } : {}),
    ...(architecture ? { architecture } : {}),
    ...(opened[0]!.contents.graph ? { graph: opened[0]!.contents.graph } : {}),
    ...(folded.quantization ? { quantization: folded.quantization } : {}),
    sidecars,
    findings: findings.toArray(),
  };
}

function previewOf({ fileOf }: ShardIndex, name: string): OpenPreview {
  const firstNames: string[] = [];
  for (const tensor of fileOf.keys()) {
    if (firstNames.length === previewedNames) break;
    firstNames.push(tensor);
  }
  return { name, tensorCount: fileOf.size, firstNames };
}

/** The readable files of the set, in its order. Throws the first file's error when none is readable. */
async function openFiles(
  paths: readonly string[],
  index: ShardIndex | undefined,
  findings: FindingList,
  options: OpenOptions,
): Promise<[OpenedFile, ...OpenedFile[]]> {
  const opened: (OpenedFile | LoupeError)[] = new Array(paths.length);
  let next = 0;
  let filesDone = 0;
  const work = async () => {
    while (next < paths.length) {
      const i = next++;
      const path = paths[i]!;
      try {
        opened[i] = await openFile(path, options);
      } catch (error) {
        opened[i] = LoupeError.from(error, { file: path });
        if (opened[i].code === 'cancelled') throw opened[i];
      }
      options.onProgress?.({ filesDone: ++filesDone, filesTotal: paths.length });
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, paths.length) }, work));

  const readable: OpenedFile[] = [];
  let firstError: LoupeError | undefined;
  const absentIn = new Map<string, number>();
  if (opened.some((result) => result instanceof LoupeError))
    for (const file of index?.fileOf.values() ?? []) absentIn.set(file, (absentIn.get(file) ?? 0) + 1);
  for (const [i, result] of opened.entries()) {
    if (!(result instanceof LoupeError)) {
      readable.push(result);
      continue;
    }
    firstError ??= result;
    const path = paths[i]!;
    const absent = index ? absentIn.get(path) : undefined;
    const consequence =
      absent === undefined ? 'the model lacks its tensors' : `the model lacks ${counted(absent, 'tensor')}`;
    const missing = result.code === 'not-found';
    findings.add({
      severity: 'error',
      code: missing ? 'missing-shard' : 'unreadable-shard',
      message: missing
        ? `The shard ${quoteName(basename(path))} is missing: ${consequence}.`
        : `The shard ${quoteName(basename(path))} cannot be read: ${consequence}. ${result.message}`,
      file: path,
      ...(result.byteOffset === undefined ? {} : { byteOffset: result.byteOffset }),
    });
  }
  const [first, ...others] = readable;
  if (first) return [first, ...others];
  if (paths.length > 1 && firstError?.code === 'not-found')
    throw new LoupeError('not-found', `None of the model's ${paths.length} shards is there.`, {
      file: index?.path ?? paths[0],
    });
  throw firstError ?? new LoupeError('not-a-checkpoint', 'There is nothing to open.');
}

type Reader = (source: ByteSource, options: OpenOptions) => Promise<FileContents>;

/** What to call a tensor that is all there is in a file. */
const rootName = ({ path }: ByteSource): string => basename(path, extname(path));

const readers: Readonly<Record<FileLayout, Reader>> = {
  safetensors: readSafetensors,
  gguf: readGguf,
  imatrix: readLegacyMatrix,
  onnx: readOnnx,
  pickle: (source, options) => readPickleFile(source, rootName(source), options),
  numpy: (source) => readNpy(source, rootName(source)),
  zip: (source, options) => readArchive(source, rootName(source), options),
};

async function openFile(path: string, options: OpenOptions): Promise<OpenedFile> {
  throwIfAborted(options.signal);
  const files = options.files ?? localFiles;
  const { mtimeMs } = await files.stat(path);
  const source = await (options.openSource ?? files.open)(path);
  try {
    const head = await source.read(0, Math.min(source.size, detectionBytes));
    const layout = requireFormat(path, head);
    const contents = await readers[layout](source, options);
    const format = contents.format ?? (layout === 'gguf' ? 'gguf' : 'safetensors');
    return { file: { path, bytes: source.size, mtimeMs }, format, contents };
  } finally {
    await source.close();
  }
}

/** All tensors with their file's place. Of a name in two files, the one that the index means is kept, else the first. */
function joinTensors(
  opened: readonly OpenedFile[],
  files: readonly CheckpointFile[],
  index: ShardIndex | undefined,
  findings: FindingList,
): TensorInfo[] {
  let base = 0;
  const placed = opened.map(({ contents }) => {
    const first = base;
    base += 1 + (contents.dataFiles?.length ?? 0);
    return first === 0
      ? contents.tensors
      : contents.tensors.map((tensor) => ({ ...tensor, file: first + tensor.file }));
  });
  if (placed.length === 1) return [...placed[0]!];
  const byName = new Map<string, TensorInfo>();
  const pathOf = (tensor: TensorInfo) => files[tensor.file]!.path;
  for (const tensor of placed.flat()) {
    const other = byName.get(tensor.name);
    if (!other) {
      byName.set(tensor.name, tensor);
      continue;
    }
    const meant = index?.fileOf.get(tensor.name);
    const kept = meant === pathOf(tensor) ? tensor : other;
    const dropped = kept === tensor ? other : tensor;
    byName.set(tensor.name, kept);
    findings.add({
      severity: 'error',
      code: 'duplicate-tensor',
      message: `Tensor ${quoteName(tensor.name)} is in two shards; the one in ${quoteName(basename(pathOf(dropped)))} is left out.`,
      file: pathOf(dropped),
      tensor: tensor.name,
      byteOffset: dropped.byteOffset,
    });
  }
  return placed.flat().filter((tensor) => byName.get(tensor.name) === tensor);
}

/** Compares what the index says with what the shards hold. */
function checkIndex(
  index: ShardIndex,
  tensors: readonly TensorInfo[],
  files: readonly CheckpointFile[],
  findings: FindingList,
): void {
  const present = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const readable = new Set(files.map(({ path }) => path));
  for (const [name, path] of index.fileOf) {
    const tensor = present.get(name);
    // Those of missing shards are told shard by shard.
    if (!tensor && readable.has(path))
      findings.add({
        severity: 'error',
        code: 'missing-tensor',
        message: `The index puts tensor ${quoteName(name)} into ${quoteName(basename(path))}, which does not hold it.`,
        file: path,
        tensor: name,
      });
    const actual = tensor && files[tensor.file]!.path;
    if (actual !== undefined && actual !== path)
      findings.add({
        severity: 'warning',
        code: 'index-disagrees',
        message: `Tensor ${quoteName(name)} is in ${quoteName(basename(actual))}, not in ${quoteName(basename(path))} as the index says.`,
        file: index.path,
        tensor: name,
      });
  }
  let bytes = 0;
  for (const tensor of tensors) {
    bytes += tensor.bytes;
    if (index.fileOf.has(tensor.name)) continue;
    const { path } = files[tensor.file]!;
    findings.add({
      severity: 'warning',
      code: 'extra-tensor',
      message: `Tensor ${quoteName(tensor.name)} in ${quoteName(basename(path))} is not in the index.`,
      file: path,
      tensor: tensor.name,
      byteOffset: tensor.byteOffset,
    });
  }
  if (index.totalBytes !== undefined && index.totalBytes !== bytes)
    findings.add({
      severity: 'info',
      code: 'index-total-size',
      message: `The index says ${index.totalBytes} bytes in all; the tensors here have ${bytes}.`,
      file: index.path,
    });
}

/** Shards repeat their metadata; of each key the first file's value is kept. */
function joinMetadata(opened: readonly OpenedFile[]): MetadataEntry[] {
  const byKey = new Map<string, MetadataEntry>();
  for (const { contents } of opened)
    for (const entry of contents.metadata) if (!byKey.has(entry.key)) byKey.set(entry.key, entry);
  return [...byKey.values()];
}
