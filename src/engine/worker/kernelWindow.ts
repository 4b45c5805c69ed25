/** Encodes a tensor piece by piece where it lies in the kernels' memory, for settings that have a kernel. */
import type { ErrorSums, PairSums } from '../../kernels/pairSums';
import type { BandKernel, GraphKernel, KernelEncoded } from '../../quant/bandKernels/bandKernel';
import { bandKernelFor, graphKernelFor } from '../../quant/bandKernels/bandKernelFor';
import { encodingFor } from '../../quant/encoding';
import type { Chunk, Encoding, Knowledge, Setting } from '../../quant/scheme';
import { kernelWindowElements, windowElements } from '../matrix';
import { namingTensor, namingTensorLater } from '../namingTensor';
import type { TensorSource } from '../tensorSource';
import { overflow } from './bandWindow';
import { nonFinite } from './encodeTask';
import { type FlatValues, readFlatTo } from './flatValues';
import type { WorkerContext } from './workerContext';

/** A window that is being encoded, and the top of the kernels' memory before that. */
interface Run {
  readonly first: number;
  readonly count: number;
  readonly mark: number;
}

/** Hears of dequantized values, in their order. */
type HearValues = (values: Float32Array) => void;

/** All tasks over a tensor cut it into the same windows, so that they agree on which part writes what. */
export class KernelWindow {
  private readonly encoding: Encoding;
  private readonly size: number;
  private readonly elements: number;
  /** Where originals and dequantized values lie. */
  private readonly x: number;
  private readonly y: number;
  private readonly pairs: PairSums;
  private copied: Float32Array | undefined;
  private first = -1;
  private count = 0;

  /** undefined where the setting has no kernel. */
  static for(
    context: WorkerContext,
    source: TensorSource,
    setting: Setting,
    known: Knowledge,
    onEncoded: (first: number, chunks: () => Iterable<Chunk>) => void = () => {},
    shared?: FlatValues | undefined,
  ): KernelWindow | undefined {
    const { kernels, encoder } = context;
    const graph = encoder.isGraph
      ? graphKernelFor(kernels, setting, (call) => encoder.encode(call))
      : undefined;
    const kernel = bandKernelFor(kernels, setting);
    if (!kernel) return undefined;
    return new KernelWindow(context, source, setting, known, kernel, graph, onEncoded, shared);
  }

  private constructor(
    private readonly context: WorkerContext,
    private readonly source: TensorSource,
    setting: Setting,
    private readonly known: Knowledge,
    private readonly kernel: BandKernel,
    /** What `errorSumsLater` asks instead. */
    private readonly graph: GraphKernel | undefined,
    /** Hears of each window that is encoded; its chunks are good only while it listens. */
    private readonly onEncoded: (first: number, chunks: () => Iterable<Chunk>) => void,
    /** Values that several schemes look at; undefined: they are read. */
    private readonly shared: FlatValues | undefined,
  ) {
    const { kernels } = context;
    this.encoding = namingTensor(source, () => encodingFor(setting));
    this.elements = source.rows * source.columns;
    // A graph has a price a call.
    this.size = (graph ? windowElements : kernelWindowElements)(this.encoding.unit);
    const room = Math.min(this.size, this.elements);
    this.x = kernels.alloc(4 * room);
    this.y = kernels.alloc(4 * room);
    this.pairs = kernels.pairSums();
  }

  /** Error sums of `count` values of the flattened tensor from `first` on: the bits of `Kernels.errorSums` of them. */
  errorSums(first: number, count: number, hear?: HearValues): ErrorSums {
    this.pairs.begin(count);
    for (let done = 0; done < count; ) {
      const run = this.begin(first + done);
      if (run) this.finish(run, this.encode(run));
      done += this.take(first + done, count - done, hear);
    }
    return this.checked(first, count, this.pairs.end());
  }

  /** The same by a graph where there is one. */
  async errorSumsLater(first: number, count: number): Promise<ErrorSums> {
    const { graph, x, y } = this;
    if (!graph) return this.errorSums(first, count);
    this.pairs.begin(count);
    for (let done = 0; done < count; ) {
      const run = this.begin(first + done);
      if (run) {
        const band = { first: run.first, count: run.count, x, y };
        this.assertFinite(run);
        const encoded = await namingTensorLater(this.source, () => graph(band, this.known));
        this.finish(run, encoded ?? this.encodePlainly(run));
      }
      done += this.take(first + done, count - done);
    }
    return this.checked(first, count, this.pairs.end());
  }

  /** Encodes the windows that hold `count` values from `first` on, by a graph where there is one, and takes no errors. */
  async encodeLater(first: number, count: number): Promise<void> {
    for (let at = first; at < first + count; at = this.first + this.count) {
      const run = this.begin(at);
      if (!run) continue;
      const encoded = await this.encodeChecked(run);
      this.finish(run, encoded);
    }
  }

  /** Codes alone where the kernel finds all values and what they become finite; else every value is looked at. */
  private async encodeChecked(run: Run): Promise<Pick<KernelEncoded, 'chunks'>> {
    const { graph, x, y } = this;
    const band = { first: run.first, count: run.count, x, y, codesOnly: true };
    let made: KernelEncoded | undefined;
    try {
      made = await namingTensorLater(this.source, async () =>
        graph ? graph(band, this.known) : this.kernel(band, this.known),
      );
    } catch (thrown) {
      this.assertFinite(run);
      throw thrown;
    }
    if (made?.omitsValues) return made;
    this.assertFinite(run);
    const encoded = made ?? this.encodePlainly(run);
    this.assertHeld(run);
    return encoded;
  }

  /** Adds the errors of up to `most` values from an element of the window on; returns how many it had. */
  private take(element: number, most: number, hear?: HearValues): number {
    const at = element - this.first;
    const part = Math.min(most, this.count - at);
    this.pairs.add(this.x + 4 * at, this.y + 4 * at, part);
    hear?.(this.context.kernels.f32(this.y + 4 * at, part));
    return part;
  }

  /** Reads the window of an element; undefined when that is the one at hand. */
  private begin(element: number): Run | undefined {
    const first = Math.floor(element / this.size) * this.size;
    if (first === this.first) return undefined;
    const { context, source } = this;
    const { kernels } = context;
    const { x } = this;
    context.checkCancelled();
    const count = Math.min(this.size, this.elements - first);
    this.first = -1;
    if (this.shared) {
      // Decoding may grow the kernels' memory, and a view taken before would be empty.
      this.copied ??= new Float32Array(Math.min(this.size, this.elements));
      const values = this.copied.subarray(0, count);
      this.shared.copyTo(values, first);
      kernels.f32(x, count).set(values);
    } else readFlatTo(context, source, first, count, x);
    return { first, count, mark: kernels.mark() };
  }

  /** Tells what the window became, and frees what that took. */
  private finish({ first, count, mark }: Run, encoded: Pick<KernelEncoded, 'chunks'>): void {
    this.onEncoded(first, () => encoded.chunks());
    this.context.kernels.reset(mark);
    this.first = first;
    this.count = count;
  }

  private encode(run: Run): Pick<KernelEncoded, 'chunks'> {
    const { first, count } = run;
    const { x, y } = this;
    try {
      const encoded = namingTensor(this.source, () => this.kernel({ first, count, x, y }, this.known));
      return encoded ?? this.encodePlainly(run);
    } catch (thrown) {
      this.assertFinite(run);
      throw thrown;
    }
  }

  private encodePlainly(run: Run): Pick<KernelEncoded, 'chunks'> {
    const { kernels } = this.context;
    const { first, count } = run;
    this.assertFinite(run);
    const values = kernels.f32(this.x, count).slice();
    const plain = namingTensor(this.source, () => this.encoding.encode({ first, values }, this.known));
    kernels.f32(this.y, count).set(plain.dequantized);
    return plain;
  }

  /** Sums that are finite prove that all values are; else the first that is not is looked for, and thrown. */
  private checked(first: number, count: number, sums: ErrorSums): ErrorSums {
    if (Number.isFinite(sums.squaredX) && Number.isFinite(sums.squaredY)) return sums;
    const { kernels } = this.context;
    for (let at = first; at < first + count; at = this.first + this.count) {
      this.first = -1;
      const run = this.begin(at)!;
      this.assertFinite(run);
      this.encode(run);
      this.assertHeld(run);
      kernels.reset(run.mark);
      this.first = run.first;
      this.count = run.count;
    }
    return sums;
  }

  /** Throws `non-finite` where the window holds such a value. */
  private assertFinite({ first, count }: Run): void {
    const bad = this.firstNonFinite(this.x, count);
    if (bad >= 0) throw nonFinite(this.source, first + bad, this.context.kernels.f32(this.x, count)[bad]!);
  }

  /** Throws where a value of the window became one that is not finite. */
  private assertHeld({ first, count }: Run): void {
    const lost = this.firstNonFinite(this.y, count);
    if (lost < 0) return;
    const { kernels } = this.context;
    const value = kernels.f32(this.x, count)[lost]!;
    const became = kernels.f32(this.y, count)[lost]!;
    throw overflow(this.source, first + lost, value, became, this.encoding.to);
  }

  private firstNonFinite(pointer: number, count: number): number {
    const { kernels } = this.context;
    const mark = kernels.mark();
    const range = kernels.alloc(8);
    const index = kernels.rowRange(pointer, 1, count, range, range + 4);
    kernels.reset(mark);
    return index;
  }
}
