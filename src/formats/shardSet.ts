/** Finds the files that make one model: a single file, a set named by numbers, or a set named by an index. */
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { type FileStore, localFiles } from '../bytes/fileStore';
import { LoupeError } from '../errors';
import { quoteName } from './fileContents';
import { FindingList } from './findingList';
import { resolveHubCache } from './hubCache';
import { asRecord, readJsonObject } from './jsonSidecar';

/** No model has more; a name or an index that claims more is not believed. */
const mostShards = 10_000;
/** Indexes of one folder that are looked into for a shard. */
const mostIndexes = 8;
const indexSuffix = '.safetensors.index.json';
const shardPattern = /^(.+)-(\d{1,9})-of-(\d{1,9})\.(safetensors|gguf|bin)$/;
/** Weights in formats that come after safetensors and GGUF: a folder's only such file is its model. */
const otherWeights = /\.(onnx|pt|pth|npz|npy)$|^pytorch_model(-\d+-of-\d+)?\.bin$/i;
/** What training leaves beside the weights. */
const trainingState = /^(optimizer|scheduler|scaler|rng_state.*|training_args)\.(pt|pth|bin)$/;

/** The parts of a shard's name; undefined for other names. */
export function shardOf(name: string): { stem: string; total: string; extension: string } | undefined {
  const [, stem, , total, extension] = shardPattern.exec(name) ?? [];
  return stem && total && extension ? { stem, total, extension } : undefined;
}

/** Whether a name is one of those that training leaves beside the weights. */
export const isTrainingState = (name: string): boolean => trainingState.test(name);

export interface ShardIndex {
  readonly path: string;
  /** Tensor name to absolute file path; entries that leave the folder are left out. */
  readonly fileOf: ReadonlyMap<string, string>;
  /** `metadata.total_size` where it is a number. */
  readonly totalBytes: number | undefined;
}

export interface FileSelection {
  readonly folder: string;
  /** Absolute, in the order of the set. Those of a set need not exist. */
  readonly files: readonly string[];
  readonly index: ShardIndex | undefined;
  /** File name without extension and shard number. */
  readonly stem: string;
  readonly findings: FindingList;
}

/**
 * What to read for a path: a weights file, an index, or a folder. A shard stands for its whole set, through
 * an index beside it that lists it, else through the numbers in the names. Throws `not-found`,
 * `not-a-checkpoint` (a folder without weights, or with several models) or `malformed` (an unusable index).
 */
export async function selectFiles(
  path: string,
  indexCapBytes: number,
  files: FileStore = localFiles,
): Promise<FileSelection> {
  let isFolder: boolean;
  try {
    ({ isFolder } = await files.stat(path));
  } catch (error) {
    const reason = LoupeError.from(error, { file: path });
    throw reason.code === 'not-found'
      ? new LoupeError('not-found', 'There is no such file or folder.', { file: path })
      : reason;
  }
  const target = isFolder ? await findInFolder(path, files) : path;
  if (target.endsWith('.index.json')) return selectByIndex(target, indexCapBytes, files);
  return selectByFile(target, indexCapBytes, files);
}

async function findInFolder(path: string, files: FileStore): Promise<string> {
  const names = await files.list(path);
  const folder = await resolveHubCache(path, names, files);
  return chooseInFolder(folder, folder === path ? names : await files.list(folder));
}

/** An index first, then model.safetensors, then the only model there is. */
function chooseInFolder(folder: string, names: readonly string[]): string {
  const refuse = (message: string): never => {
    throw new LoupeError('not-a-checkpoint', message, { file: folder });
  };
  const indexes = names.filter((name) => name.endsWith(indexSuffix)).sort();
  const preferred = indexes.find((name) => name === `model${indexSuffix}`) ?? indexes[0];
  if (preferred !== undefined && (indexes.length === 1 || preferred === `model${indexSuffix}`))
    return join(folder, preferred);
  if (names.includes('model.safetensors')) return join(folder, 'model.safetensors');
  // The shards of one set count as one model.
  const models = new Map<string, string>();
  const usual = names.filter((name) => /\.(safetensors|gguf)$/.test(name));
  const torchIndex = 'pytorch_model.bin.index.json';
  if (usual.length === 0 && names.includes(torchIndex)) return join(folder, torchIndex);
  const others = names.filter((name) => otherWeights.test(name) && !trainingState.test(name));
  for (const name of (usual.length > 0 ? usual : others).sort()) {
    const shard = shardPattern.exec(name);
    const key = shard ? `${shard[1]} of ${shard[3]}.${shard[4]}` : name;
    if (!models.has(key)) models.set(key, name);
  }
  const [only, another] = models.values();
  if (only === undefined)
    return refuse('The folder holds no .safetensors or .gguf file, and no weights in another known format.');
  if (another !== undefined)
    return refuse(
      `The folder holds ${models.size} models, among them ${only} and ${another}: open one of them.`,
    );
  return join(folder, only);
}

async function selectByIndex(path: string, indexCapBytes: number, store: FileStore): Promise<FileSelection> {
  const findings = new FindingList();
  const index = await readShardIndex(path, indexCapBytes, findings, store);
  return fromIndex(index, basename(path).replace(/(\.(safetensors|bin))?\.index\.json$/, ''), findings);
}

function fromIndex(index: ShardIndex, stem: string, findings: FindingList): FileSelection {
  const files = [...new Set(index.fileOf.values())].sort();
  return { folder: dirname(index.path), files, index, stem, findings };
}

async function selectByFile(path: string, indexCapBytes: number, store: FileStore): Promise<FileSelection> {
  const folder = dirname(path);
  const name = basename(path);
  const findings = new FindingList();
  const shard = shardPattern.exec(name);
  const stem =
    shard?.[1] ?? name.replace(/\.(safetensors|gguf|onnx|pt|pth|ckpt|bin|npz|npy|dat|imatrix)$/i, '');
  if (!name.endsWith('.gguf')) {
    const names = (await store.list(folder).catch(() => [])).filter((other) => other.endsWith(indexSuffix));
    const own = `${stem}${indexSuffix}`;
    for (const indexName of [own, ...names.filter((other) => other !== own)].slice(0, mostIndexes)) {
      if (!names.includes(indexName)) continue;
      const indexFindings = new FindingList();
      try {
        const index = await readShardIndex(join(folder, indexName), indexCapBytes, indexFindings, store);
        if ([...index.fileOf.values()].includes(path)) return fromIndex(index, stem, indexFindings);
      } catch (error) {
        findings.add({
          severity: 'warning',
          code: 'index-unreadable',
          message: `The index ${quoteName(indexName)} is left aside. ${LoupeError.from(error).message}`,
          file: join(folder, indexName),
        });
      }
    }
  }
  const alone: FileSelection = { folder, files: [path], index: undefined, stem, findings };
  if (!shard) return alone;
  const [, prefix, number, total, extension] = shard as unknown as [string, string, string, string, string];
  const count = Number(total);
  if (count < 1 || count > mostShards || Number(number) > count) {
    findings.add({
      severity: 'warning',
      code: 'implausible-set',
      message: `The name claims shard ${Number(number)} of ${count}; only this file is shown.`,
      file: path,
    });
    return alone;
  }
  // Sets count from 1; some exporters count from 0.
  const firstNumber = Number(number) === 0 ? 0 : 1;
  const files = Array.from({ length: count }, (_, i) => {
    const padded = String(i + firstNumber).padStart(number.length, '0');
    return join(folder, `${prefix}-${padded}-of-${total}.${extension}`);
  });
  return { ...alone, files };
}

/**
 * Reads an `*.index.json`. Entries that point outside its folder become findings of severity error and are never
 * opened. Throws `malformed` when there is no usable weight_map.
 */
async function readShardIndex(
  path: string,
  capBytes: number,
  findings: FindingList,
  store: FileStore,
): Promise<ShardIndex> {
  const refuse = (message: string): never => {
    throw new LoupeError('malformed', message, { file: path });
  };
  let json: Readonly<Record<string, unknown>>;
  try {
    json = await readJsonObject(path, capBytes, store);
  } catch (error) {
    const { code, message } = LoupeError.from(error);
    throw new LoupeError(code, code === 'malformed' ? `The index cannot be used. ${message}` : message, {
      file: path,
    });
  }
  const weightMap = asRecord(json.weight_map) ?? refuse('The index has no "weight_map" object.');
  const fileOf = new Map<string, string>();
  const distinct = new Set<string>();
  const folder = dirname(path);
  for (const [tensor, file] of Object.entries(weightMap)) {
    if (typeof file !== 'string')
      throw new LoupeError('malformed', `The index gives no file name for tensor ${quoteName(tensor)}.`, {
        file: path,
        tensor,
      });
    if (!staysInside(folder, file)) {
      findings.add({
        severity: 'error',
        code: 'index-escapes',
        message: `The index puts tensor ${quoteName(tensor)} into ${quoteName(file)}, outside of its folder; that file is not opened.`,
        file: path,
        tensor,
      });
      continue;
    }
    const absolute = join(folder, file);
    fileOf.set(tensor, absolute);
    distinct.add(absolute);
    if (distinct.size > mostShards) refuse(`The index names more than ${mostShards} files.`);
  }
  if (fileOf.size === 0) refuse('The index names no tensor in a file of its folder.');
  const total = asRecord(json.metadata)?.total_size;
  return { path, fileOf, totalBytes: typeof total === 'number' ? total : undefined };
}

/** A plain relative path on every system: no drive, no root, no backslash, nothing above the folder. */
function staysInside(folder: string, file: string): boolean {
  if (file === '' || /[\0\\:]/.test(file) || isAbsolute(file)) return false;
  const absolute = resolve(folder, file);
  return absolute !== folder && absolute.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
