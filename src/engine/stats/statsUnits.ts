/** How the tensors of a statistics job are shared out: small neighbours together, large ones in parts of their own. */
import { dtypes } from '../../numeric/dtypes';
import { partElements } from '../matrix';
import type { FileSpan, TensorSource } from '../tensorSource';

/** A tensor whose values can be read, with its place in the catalogue. */
export interface ReadableTensor {
  readonly index: number;
  readonly source: TensorSource;
  /** Stored bytes of its values. */
  readonly bytes: number;
}

/** What is worked on at a time. `weight` is how many tasks it keeps busy. */
export type StatsUnit =
  | {
      readonly kind: 'batch';
      readonly weight: 1;
      readonly members: readonly ReadableTensor[];
      readonly span: Span;
    }
  | { readonly kind: 'single'; readonly weight: number; readonly member: ReadableTensor };

type Span = FileSpan & { readonly bytes: number };

/** Values of a tensor that goes into a batch: beyond it a message of its own costs next to nothing. */
const smallElements = 2 ** 16;
/** Bytes that a batch reads at once at most, and bytes between two tensors that are read for nothing. */
const spanBytes = 2 * 2 ** 20;
const gapBytes = 32 * 2 ** 10;
/** Tensors of a batch at most, so that a cancelled job and a waiting person wait for little. */
const batchTensors = 256;

/**
 * The units of a job, those that hold earlier tensors first. A batch is ordered by place in the file; `workers` keeps
 * batches small enough that all of them have something to do.
 */
export function statsUnits(tensors: readonly ReadableTensor[], workers: number): StatsUnit[] {
  const order = new Map(tensors.map(({ index }, place) => [index, place]));
  const small = tensors.filter(isSmall).sort(byPlace);
  const most = Math.min(batchTensors, Math.max(1, Math.ceil(small.length / (4 * workers))));
  const units: { unit: StatsUnit; first: number }[] = [];
  const place = ({ index }: ReadableTensor) => order.get(index)!;
  for (const members of batches(small, most)) {
    const first = members.reduce((least, member) => Math.min(least, place(member)), Number.POSITIVE_INFINITY);
    const unit: StatsUnit =
      members.length === 1
        ? { kind: 'single', weight: 1, member: members[0]! }
        : { kind: 'batch', weight: 1, members, span: spanOf(members) };
    units.push({ unit, first });
  }
  for (const member of tensors) {
    if (isSmall(member)) continue;
    const { rows, columns } = member.source;
    const weight = Math.min(workers + 1, Math.max(1, Math.ceil((rows * columns) / partElements)));
    units.push({ unit: { kind: 'single', weight, member }, first: place(member) });
  }
  return units.sort((a, b) => a.first - b.first).map(({ unit }) => unit);
}

function isSmall({ source: { rows, columns } }: ReadableTensor): boolean {
  const elements = rows * columns;
  return elements > 0 && elements <= smallElements;
}

function byPlace(a: ReadableTensor, b: ReadableTensor): number {
  if (a.source.file === b.source.file) return a.source.byteOffset - b.source.byteOffset;
  return a.source.file.path < b.source.file.path ? -1 : 1;
}

/** Bytes of a tensor's own run in its file; of packed weights this is a guess, which costs at most a read. */
function endOf({ source, bytes }: ReadableTensor): number {
  const { rows, columns, dtype, byteOffset } = source;
  const info = source.packed ? undefined : dtypes.get(dtype);
  const stored = info ? Math.ceil((rows * columns) / info.blockElements) * info.blockBytes : bytes;
  return Math.min(byteOffset + stored, source.file.bytes);
}

function* batches(sorted: readonly ReadableTensor[], most: number): Generator<ReadableTensor[]> {
  let members: ReadableTensor[] = [];
  let [start, end] = [0, 0];
  for (const member of sorted) {
    const { source } = member;
    const last = members.at(-1)?.source;
    const isNear =
      last?.file === source.file &&
      source.byteOffset - end <= gapBytes &&
      endOf(member) - start <= spanBytes &&
      members.length < most;
    if (!isNear) {
      if (members.length > 0) yield members;
      members = [];
      start = source.byteOffset;
      end = start;
    }
    members.push(member);
    end = Math.max(end, endOf(member));
  }
  if (members.length > 0) yield members;
}

function spanOf(members: readonly ReadableTensor[]): Span {
  const { file, byteOffset } = members[0]!.source;
  const end = members.reduce((most, member) => Math.max(most, endOf(member)), byteOffset);
  return { file, byteOffset, bytes: end - byteOffset };
}
