/** What the detectors of quantized layouts share: the tensors, and what was made of them so far. */
import type { Finding, PackedPieces, TensorInfo, TensorSpan } from '../checkpoint';
import { quoteName } from '../fileContents';
import { FindingList } from '../findingList';
import { asRecord } from '../jsonSidecar';
import type { PackedWeight } from '../packedWeight';
import { packedProblem } from './packedProblem';

type Json = Readonly<Record<string, unknown>>;

export interface FoldedWeight {
  readonly name: string;
  /** The weight's own type, e.g. "INT4". */
  readonly dtype: string;
  /** Of the logical weight, outermost first. */
  readonly shape: readonly number[];
  readonly layout: string;
  readonly bits: number;
  /** The codes come first. Absent pieces may be undefined. */
  readonly parts: readonly (readonly [role: string, tensor: TensorInfo | undefined])[];
  /** How the values are read, or why they cannot be, as a clause without a full stop. */
  readonly values: PackedWeight<TensorSpan> | string;
}

/** Collects folded weights; each stored tensor becomes a piece of at most one weight. */
export class Folding {
  /** The `quantization_config` of config.json; MLX calls it `quantization`. */
  readonly quantization: Json | undefined;
  private readonly byName: ReadonlyMap<string, TensorInfo>;
  private readonly folded = new Map<TensorInfo, TensorInfo>();
  private readonly swallowed = new Set<TensorInfo>();
  private readonly findings = new FindingList();

  constructor(
    readonly stored: readonly TensorInfo[],
    private readonly filePath: (file: number) => string,
    /** The bytes of small tensors, in the order given. */
    readonly readSpans: (spans: readonly TensorSpan[]) => Promise<readonly Uint8Array[]>,
    config: Json | undefined,
  ) {
    this.byName = new Map(stored.map((tensor) => [tensor.name, tensor]));
    this.quantization = asRecord(config?.quantization_config) ?? asRecord(config?.quantization);
  }

  /** The stored tensor of a name, unless it is a piece of a weight already. */
  find(name: string): TensorInfo | undefined {
    const tensor = this.byName.get(name);
    return tensor && !this.isTaken(tensor) ? tensor : undefined;
  }

  /** The stored tensor of a name, be it a piece of a weight: nodes of a graph may share scales. */
  findShared(name: string): TensorInfo | undefined {
    return this.byName.get(name);
  }

  isTaken(tensor: TensorInfo): boolean {
    return this.swallowed.has(tensor) || this.folded.has(tensor);
  }

  /** Stored tensors whose names end in a suffix and that are no pieces yet, with the name before the suffix. */
  *ending(suffix: string): Generator<{ tensor: TensorInfo; prefix: string }> {
    for (const tensor of this.stored)
      if (tensor.name.endsWith(suffix) && !this.isTaken(tensor))
        yield { tensor, prefix: tensor.name.slice(0, tensor.name.length - suffix.length) };
  }

  /** Says why a tensor that looks like a weight's codes stays as it is stored. */
  warn(tensor: TensorInfo, reason: string): void {
    this.findings.add({
      severity: 'warning',
      code: 'packed-inconsistent',
      message: `${quoteName(tensor.name)} is not shown as a weight: ${reason}.`,
      file: this.filePath(tensor.file),
      tensor: tensor.name,
      byteOffset: tensor.byteOffset,
    });
  }

  /** Puts a logical weight in the place of its codes. Warns instead when its name is taken or it has no size. */
  fold(weight: FoldedWeight): void {
    const parts = weight.parts.flatMap(([role, tensor]) => (tensor ? [{ role, tensor }] : []));
    const lead = parts[0]!.tensor;
    const same = this.byName.get(weight.name);
    if (same && !parts.some(({ tensor }) => tensor === same)) {
      this.warn(lead, 'there is another tensor of the same name');
      return;
    }
    const elements = product(weight.shape);
    if (!Number.isSafeInteger(elements)) {
      this.warn(lead, 'it has more elements than can be counted');
      return;
    }
    const bytes = parts.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
    const pieces: PackedPieces = {
      layout: weight.layout,
      bits: weight.bits,
      bitsPerWeight: elements === 0 ? 0 : (bytes * 8) / elements,
      parts: parts.map(({ role, tensor }) => ({ role, span: toSpan(tensor) })),
    };
    const broken = parts.find(({ tensor }) => isLost(tensor))?.tensor;
    const { values } = weight;
    const problem = typeof values === 'string' ? values : packedProblem(values, elements);
    const unreadable = broken
      ? `${quoteName(broken.name)}: ${broken.unreadable}`
      : problem && `Its ${weight.layout} codes cannot be read: ${problem}.`;
    for (const { tensor } of parts) if (tensor !== lead) this.swallowed.add(tensor);
    this.folded.set(lead, {
      name: weight.name,
      dtype: weight.dtype,
      shape: weight.shape,
      file: lead.file,
      byteOffset: lead.byteOffset,
      bytes,
      elements,
      pieces,
      ...(unreadable === undefined && typeof values !== 'string' ? { packed: values } : { unreadable }),
    });
  }

  /** The tensors with every weight in the place of its codes, and no pieces. */
  result(): { tensors: readonly TensorInfo[]; findings: readonly Finding[] } {
    const tensors =
      this.folded.size === 0
        ? this.stored
        : this.stored
            .filter((tensor) => !this.swallowed.has(tensor))
            .map((tensor) => this.folded.get(tensor) ?? tensor);
    return { tensors, findings: this.findings.toArray() };
  }
}

/** A tensor's place alone. */
export const toSpan = ({ name, dtype, shape, file, byteOffset, bytes }: TensorInfo): TensorSpan => ({
  name,
  dtype,
  shape,
  file,
  byteOffset,
  bytes,
});

/** Product of sizes. */
export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** A config's value when it is a whole number from `least` to `most`. */
export function wholeNumber(value: unknown, least: number, most: number): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    ? value
    : undefined;
}

/** Whether a piece's bytes cannot be had. Rows of packed zero points may begin anywhere: what reads them knows. */
export const isLost = ({ unreadable, unevenRows }: TensorInfo): boolean =>
  unreadable !== undefined && !unevenRows;
